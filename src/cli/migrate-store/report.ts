import { isSame, type Difference, type TableDigests } from '../../store/move/compare.ts';
import type { MoveProgress } from '../../store/move/move.ts';
import type { KeyCursor } from '../../store/port.ts';
import type { SameKey } from '../../uploads/same-keys.ts';
import { FewOfEach } from '../few-of-each.ts';
import { sayJson, sayLine, type Terminal } from '../partner/terminal.ts';
import { StatusLine } from '../status-line.ts';

/** How far it is, the first rows and keys of each kind that are not as they were, and what came out. */
export class MoveReport {
  readonly #terminal: Pick<Terminal, 'stdout' | 'stderr' | 'now'>;
  readonly #json: boolean;
  readonly #status: StatusLine;
  readonly #few = new FewOfEach();
  readonly #keys: Record<SameKey['kind'], number> = { same: 0, differs: 0, opens_nowhere: 0 };
  readonly #beganAt: number;
  #differences = 0;
  #untried: string | undefined;

  constructor(terminal: Pick<Terminal, 'stdout' | 'stderr' | 'now'>, json: boolean) {
    this.#terminal = terminal;
    this.#json = json;
    this.#status = new StatusLine(terminal.stderr, terminal.now);
    this.#beganAt = terminal.now();
  }

  progress({ step, table, rows, of }: MoveProgress): void {
    this.#status.show(() => `${table}: ${rows} of ${of} rows ${step}`);
  }

  /** Names the row, never what stands in it. */
  difference({ table, key, kind, columns }: Difference): void {
    this.#differences += 1;
    const what = kind === 'changed' ? `differs in ${columns.join(', ')}` : WORDS[kind];
    if (this.#json || this.#few.says(`${table}, ${kind}`))
      this.#status.say(`${table} ${key.join(' ')}: ${what}`);
  }

  key({ uploadId, generation }: KeyCursor, kind: SameKey['kind'], why: string): void {
    this.#keys[kind] += 1;
    this.#status.show(() => `${this.#keys.same} keys opened in both stores`);
    if (kind === 'same' || !(this.#json || this.#few.says(KEY_WORDS[kind]))) return;
    this.#status.say(`key ${uploadId}, generation ${generation}: ${KEY_WORDS[kind]}: ${why}`);
  }

  /** The keys that are left are not opened, and why. */
  untried(why: string): void {
    this.#untried = why;
    this.#status.say(`${why}\nThe keys that are left were not opened; their wrapped bytes were compared.`);
  }

  /**
   * @param end what came out, in a word.
   * @param last lines for people: results go to standard output, what is still to be done to standard error.
   */
  end(
    end: string,
    last: string,
    {
      tables = new Map(),
      isDone = true,
    }: { tables?: ReadonlyMap<string, TableDigests>; isDone?: boolean } = {},
  ): void {
    this.#status.clear();
    for (const line of this.#few.unsaid()) this.#status.say(line);
    const { stdout } = this.#terminal;
    if (this.#json) {
      sayJson(stdout, {
        ended: end,
        seconds: (this.#terminal.now() - this.#beganAt) / 1000,
        differences: this.#differences,
        keys: { ...this.#keys, untried: this.#untried ?? null },
        tables: Object.fromEntries(tables),
      });
    } else for (const line of this.#summary(tables)) sayLine(stdout, line);
    if (!isDone) this.#status.say(last);
    else if (!this.#json) for (const line of last.split('\n')) sayLine(stdout, line);
  }

  *#summary(tables: ReadonlyMap<string, TableDigests>): Generator<string> {
    for (const [name, digests] of tables) {
      const { rows, sha256 } = digests;
      const told = isSame(digests)
        ? `${rows.target} rows, SHA-256 ${sha256.target}`
        : `${rows.source} and ${rows.target} rows, which are not the same`;
      yield `${name.padEnd(17)} ${told}`;
    }
    if (tables.size > 0) yield `keys opened in both stores: ${this.#keys.same}`;
  }
}

const WORDS = { missing: 'is missing in the target', added: 'is only in the target' } as const;

const KEY_WORDS = {
  differs: 'does not open as before',
  opens_nowhere: 'opened nowhere before, and does not now',
} as const;
