import type { UploadProgress } from '../../client/meter.ts';
import { reportOf } from './failure.ts';
import type { FoundFile, LostFile } from './files.ts';
import { Progress } from './progress.ts';
import { sayJson, sayLine, type Terminal } from './terminal.ts';

/** One file that lies in S3, confirmed by the service. */
export interface Done {
  readonly outcome: 'uploaded' | 'already';
  readonly id: string;
  /** Bytes. */
  readonly size: number;
  /** base64. */
  readonly sha256: string;
  /** Unknown for a file that a journal vouches for. */
  readonly objectKey?: string;
  /** Whether what arrived was compared with the SHA-256; as `objectKey`. */
  readonly verified?: boolean;
}

type Item = FoundFile | LostFile;

/** What an upload shows: a line per file on standard output; progress, failures and a summary on standard error. */
export class UploadReport {
  readonly #terminal: Terminal;
  readonly #json: boolean;
  readonly #progress: Progress;
  readonly #count: Record<'uploaded' | 'already' | 'failed' | 'left', number>;

  constructor(terminal: Terminal, items: readonly Item[], json: boolean) {
    this.#terminal = terminal;
    this.#json = json;
    this.#count = { uploaded: 0, already: 0, failed: 0, left: items.length };
    const bytes = items.reduce((sum, item) => sum + sizeOf(item), 0);
    this.#progress = new Progress(terminal, { files: items.length, bytes });
    // Whoever reads the lines may go away; the files are to arrive all the same.
    terminal.stdout.on('error', () => undefined);
  }

  sent(item: Item, { bytes, resumed }: Pick<UploadProgress, 'bytes' | 'resumed'>): void {
    if (!this.#json) this.#progress.moved(item.path, bytes, resumed);
  }

  /** A line for a person, above the progress. */
  say(line: string): void {
    this.#progress.say(line);
  }

  done(item: Item, done: Done): void {
    this.#tell(item, done.outcome, { ...done }, `${done.id}  ${item.path}`);
  }

  failed(item: Item, error: unknown): void {
    const failure = reportOf(error);
    this.#tell(item, 'failed', { outcome: 'failed', error: failure });
    if (!this.#json) this.#progress.say(`${item.path}: ${failure.detail} (${failure.code})`);
  }

  end(): void {
    this.#progress.clear();
    if (this.#json) return;
    const { uploaded, already, failed, left } = this.#count;
    const parts = [
      `${uploaded} uploaded`,
      ...(already > 0 ? [`${already} there already`] : []),
      ...(failed > 0 ? [`${failed} failed`] : []),
      ...(left > 0 ? [`${left} not done`] : []),
    ];
    this.#progress.say(`${parts.join(', ')}${this.#progress.summary()}`);
  }

  #tell(item: Item, outcome: Done['outcome'] | 'failed', facts: object, line?: string): void {
    this.#count[outcome] += 1;
    this.#count.left -= 1;
    this.#progress.clear();
    if (this.#json) sayJson(this.#terminal.stdout, { file: item.path, ...facts });
    else {
      if (line !== undefined) sayLine(this.#terminal.stdout, line);
      this.#progress.finished(item.path, sizeOf(item));
    }
  }
}

function sizeOf(item: Item): number {
  return 'size' in item ? item.size : 0;
}
