import { StatusLine, type Output } from '../status-line.ts';
import type { Row } from './rows.ts';
import type { RowOutcome } from './run.ts';

/** Counts, and tells of each row that failed where it stands and why, never its key. With `json`, of every row. */
export class ImportReport {
  readonly #stdout: Output;
  readonly #status: StatusLine;
  readonly #json: boolean;
  readonly #counts = { adopted: 0, already: 0, failed: 0 };

  constructor(stdout: Output, stderr: Output, json: boolean) {
    this.#stdout = stdout;
    this.#status = new StatusLine(stderr);
    this.#json = json;
  }

  get failed(): number {
    return this.#counts.failed;
  }

  row(row: Row, outcome: RowOutcome): void {
    const failed = 'detail' in outcome;
    this.#counts[failed ? 'failed' : outcome.kind] += 1;
    if (this.#json) this.#stdout.write(`${JSON.stringify(asJson(row, outcome))}\n`);
    else if (failed) this.#status.say(asText(row, outcome));
    this.#status.show(() => this.#summary());
  }

  /** The counts, and why it ended early, if it did. */
  end(early: string | undefined): void {
    this.#status.clear();
    if (early !== undefined) this.#status.say(early);
    if (!this.#json) this.#stdout.write(`${this.#summary()}\n`);
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
