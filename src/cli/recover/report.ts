import { printableJson } from '../../printable.ts';
import { isUnavailable, type Recovered } from '../../uploads/recover.ts';
import { FewOfEach } from '../few-of-each.ts';
import { StatusLine, type Output } from '../status-line.ts';
import type { Note, RecoveredPlace, Recovery, RefusedVersion } from '../../uploads/recover/outcome.ts';

/** What no object in S3 tells of. */
const NOT_RECOVERED = `Not recovered, as S3 does not have it: API keys (make new ones), Idempotency-Keys, slots whose object had not arrived,
who made a slot, and filenames as they were sent: they come from object keys. A slot that was rejected for its size,
type or SHA-256, or was being deleted, is "uploaded" again.
`;

const NOTES: Readonly<Record<Note, string>> = {
  behind_delete_marker: 'recovered, though somebody has put a delete marker over it',
  older_generation_on_top:
    'recovered with its newest key, but a newer version is under an older one: somebody who has the right to put objects, and that older key, may have laid it on top',
  rejected: 'recovered as rejected: its uploader added what downloads would obey',
};

const HEADINGS = { intermediate: 'intermediate keys', object: 'objects' } as const;

interface Counts {
  recovered: number;
  already: number;
  refused: number;
}

/** Counts, and tells of objects and versions that are not recovered where they lie and why: of the first of each code; with `json`, of everything. */
export class RecoverReport {
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #status: StatusLine;
  readonly #json: boolean;
  readonly #few = new FewOfEach();
  readonly #counts: Readonly<Record<Recovered, Counts>> = { intermediate: none(), object: none() };
  #versions = 0;
  #suspect = 0;
  #unavailable = false;

  constructor(stdout: Output, stderr: Output, json: boolean) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#status = new StatusLine(stderr);
    this.#json = json;
  }

  /** Whether something is left for a later run. */
  get unavailable(): boolean {
    return this.#unavailable;
  }

  get isAll(): boolean {
    const { intermediate, object } = this.#counts;
    return intermediate.refused + object.refused + this.#versions + this.#suspect === 0;
  }

  add(what: Recovered, place: RecoveredPlace, outcome: Recovery): void {
    if (outcome.kind === 'passed_over') return;
    this.#counts[what][outcome.kind] += 1;
    this.#unavailable ||= isUnavailable(outcome);
    if (outcome.kind === 'recovered') {
      this.#versions += outcome.refused.length;
      if (outcome.notes.includes('older_generation_on_top')) this.#suspect += 1;
    }
    if (this.#json) this.#line(what, place, outcome);
    else {
      for (const { code, line } of asText(place, outcome)) if (this.#few.says(code)) this.#status.say(line);
    }
    this.#status.show(() => {
      const { recovered, already, refused } = this.#counts.object;
      return `${recovered} recovered, ${already} already there, ${refused} not`;
    });
  }

  /** The counts, what is never recovered, and why it ended early, if it did. */
  end(early: string | undefined): void {
    this.#status.clear();
    for (const line of this.#few.unsaid()) this.#status.say(line);
    if (early !== undefined) this.#status.say(early);
    if (this.#json) return;
    this.#stdout.write(`${this.#table()}\n`);
    this.#stderr.write(NOT_RECOVERED);
  }

  #line(what: Recovered, place: RecoveredPlace, { kind: outcome, ...rest }: Recovery): void {
    this.#stdout.write(`${printableJson(JSON.stringify({ what, ...place, outcome, ...rest }))}\n`);
  }

  #table(): string {
    const rows = (['intermediate', 'object'] as const).map((what) => {
      const { recovered, already, refused } = this.#counts[what];
      return [HEADINGS[what], recovered, already, refused];
    });
    const all = [['', 'recovered', 'already there', 'not recovered'], ...rows];
    const table = all.map((row) =>
      row.map((cell, n) => (n === 0 ? String(cell).padEnd(17) : String(cell).padStart(14))).join(''),
    );
    const versions = this.#versions === 0 ? [] : [`further versions not recovered: ${this.#versions}`];
    return [...table, ...versions].join('\n');
  }
}

function none(): Counts {
  return { recovered: 0, already: 0, refused: 0 };
}

function asText({ bucket, objectKey }: RecoveredPlace, outcome: Recovery): { code: string; line: string }[] {
  // As JSON: an object key may hold what a terminal would obey.
  const place = JSON.stringify(objectKey === null ? bucket : `${bucket}/${objectKey}`);
  const refused = 'refused' in outcome ? outcome.refused : [];
  const notes = 'notes' in outcome ? outcome.notes : [];
  return [
    ...notes.map((note) => ({ code: note, line: `${place}: ${NOTES[note]}` })),
    ...refused.map((version) => ({
      code: version.code,
      line: `${place}${versionText(version)}: ${version.code}: ${version.detail}`,
    })),
  ];
}

const versionText = ({ versionId }: RefusedVersion): string =>
  versionId === null ? '' : ` version ${versionId}`;
