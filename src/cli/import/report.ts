import type { Row } from './rows.ts';
import type { RowOutcome } from './run.ts';

const PROGRESS_EVERY_MS = 200;
const CLEAR_LINE = '\r\x1b[K';

export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Counts, and tells of each row that failed where it stands and why, never its key. With `json`, of every row. */
export class ImportReport {
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #json: boolean;
  readonly #counts = { adopted: 0, already: 0, failed: 0 };
  #shownAt = 0;

  constructor(stdout: Output, stderr: Output, json: boolean) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#json = json;
  }

  get failed(): number {
    return this.#counts.failed;
  }

  row(row: Row, outcome: RowOutcome): void {
    const failed = 'detail' in outcome;
    this.#counts[failed ? 'failed' : outcome.kind] += 1;
    if (this.#json) this.#stdout.write(`${JSON.stringify(asJson(row, outcome))}\n`);
    else if (failed) this.#say(asText(row, outcome));
    this.#progress();
  }

  /** Says it on standard error, in a line of its own. */
  #say(line: string): void {
    this.#stderr.write(`${this.#stderr.isTTY === true ? CLEAR_LINE : ''}${line}\n`);
  }

  /** The counts, and why it ended early, if it did. */
  end(early: string | undefined): void {
    if (early !== undefined) this.#say(early);
    if (this.#stderr.isTTY === true) this.#stderr.write(CLEAR_LINE);
    if (!this.#json) this.#stdout.write(`${this.#summary()}\n`);
  }

  #progress(): void {
    if (this.#stderr.isTTY !== true || Date.now() - this.#shownAt < PROGRESS_EVERY_MS) return;
    this.#shownAt = Date.now();
    this.#stderr.write(CLEAR_LINE + this.#summary());
  }

  #summary(): string {
    const { adopted, already, failed } = this.#counts;
    return `${adopted} adopted, ${already} already there, ${failed} failed`;
  }
}

type Failed = Extract<RowOutcome, { detail: string }>;

function asText(row: Row, { kind, detail }: Failed): string {
  // As JSON: an object key may hold what a terminal would obey.
  const place = 'object' in row ? ` ${JSON.stringify(`${row.object.bucket}/${row.object.objectKey}`)}` : '';
  return `line ${row.line}: ${kind}${place}: ${detail}`;
}

function asJson(row: Row, outcome: RowOutcome): Record<string, unknown> {
  const place = 'object' in row ? { bucket: row.object.bucket, objectKey: row.object.objectKey } : {};
  const end =
    'detail' in outcome
      ? { outcome: 'failed', code: outcome.kind, detail: outcome.detail }
      : { outcome: outcome.kind, id: outcome.id };
  return { line: row.line, ...place, ...end };
}
