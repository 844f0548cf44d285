import { AUDIT_CODES, type AuditCode } from '../../uploads/audit/codes.ts';
import type { AuditFinding } from '../../uploads/audit/finding.ts';
import type { Checked, Part } from '../../uploads/audit.ts';
import { printable, printableJson } from '../../printable.ts';
import { EX_TEMPFAIL, EXIT_INTERRUPTED } from '../command.ts';

const MOST_EXAMPLES = 20;
const CODES = Object.keys(AUDIT_CODES) as AuditCode[];
const CODE_WIDTH = Math.max(...CODES.map((code) => code.length));

interface Entry {
  count: number;
  readonly examples: AuditFinding[];
}

/** Counts findings by their codes and keeps a few examples of each, however many there are. */
export class AuditReport {
  readonly #entries = new Map<AuditCode, Entry>();

  add(finding: AuditFinding): void {
    const entry = this.#entries.get(finding.code) ?? { count: 0, examples: [] };
    this.#entries.set(finding.code, entry);
    entry.count += 1;
    if (entry.examples.length < MOST_EXAMPLES) entry.examples.push(finding);
  }

  count(grade: 'wrong' | 'note' | 'unknown'): number {
    return this.#found()
      .filter(({ code }) => AUDIT_CODES[code].grade === grade)
      .reduce((sum, { count }) => sum + count, 0);
  }

  /** @param isInterrupted what was found until then stands in the report, but it is not all. */
  exitCode(isInterrupted: boolean): number {
    if (isInterrupted) return EXIT_INTERRUPTED;
    if (this.count('wrong') > 0) return 1;
    return this.count('unknown') > 0 ? EX_TEMPFAIL : 0;
  }

  /** One document for programs; members are only ever added. */
  json(checked: Checked, isInterrupted: boolean): string {
    const findings = this.#found().map(({ code, count, examples }) => {
      const places = examples.map((example) => ({ ...example, code: undefined }));
      return { code, ...AUDIT_CODES[code], count, examples: places };
    });
    const { intermediateKeys, slots, versions, buckets } = checked;
    const parts = { intermediateKeys, slots: partJson(slots), versions: partJson(versions), buckets };
    const document = { checked: parts, findings, exitCode: this.exitCode(isInterrupted) };
    return `${printableJson(JSON.stringify(document, null, 2))}\n`;
  }

  text(checked: Checked, isInterrupted: boolean): string {
    const lines = [...this.#found().flatMap(asText), ...this.#summary(checked, isInterrupted)];
    return lines.map((line) => `${printable(line)}\n`).join('');
  }

  #summary(checked: Checked, isInterrupted: boolean): string[] {
    const found = this.#found();
    const table = found.map(({ code, count }) => `${code.padEnd(CODE_WIDTH)}  ${count}`);
    return [
      ...(table.length > 0 ? [...table, ''] : []),
      ...(isInterrupted ? ['Interrupted: only a part was looked at.'] : []),
      partText('slots', checked.slots),
      partText('object versions', checked.versions),
      `intermediate keys: ${checked.intermediateKeys}`,
      `${this.count('wrong')} wrong, ${this.count('note')} notes, ${this.count('unknown')} unknown.`,
    ];
  }

  /** The worst first. */
  #found(): (Entry & { readonly code: AuditCode })[] {
    return CODES.flatMap((code) => {
      const entry = this.#entries.get(code);
      return entry === undefined ? [] : [{ code, ...entry }];
    });
  }
}

function asText({ code, count, examples }: Entry & { readonly code: AuditCode }): string[] {
  const { means, remedy } = AUDIT_CODES[code];
  const more = count - examples.length;
  return [
    `${code}: ${count}`,
    `  means: ${means}`,
    `  do: ${remedy}`,
    ...examples.map((example) => `  - ${placeText(example)}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
    '',
  ];
}

function placeText(finding: AuditFinding): string {
  const { tenant, slot, generation, intermediate, bucket, objectKey, versionId, detail } = finding;
  const words = [
    tenant,
    slot,
    generation !== undefined && generation > 1 ? `generation ${generation}` : undefined,
    intermediate,
    bucket,
    // As JSON: an object key may hold what a terminal would obey, or a line's end.
    objectKey === undefined ? undefined : JSON.stringify(objectKey),
    versionId == null ? undefined : `version ${versionId}`,
  ];
  return `${words.filter((word) => word !== undefined).join(' ')}: ${detail}`;
}

function partText(what: string, { looked, total, wrongBelow }: Part): string {
  const all = total === undefined ? 'an unknown number, as it ended early' : String(total);
  const bound =
    wrongBelow === undefined
      ? ''
      : `; none of them is wrong, so with 95 % confidence fewer than ${percent(wrongBelow)} of all are`;
  return `${what}: ${looked} of ${all}${bound}`;
}

/** Rounded up: it is a bound. */
function percent(part: number): string {
  const digits = 10 ** Math.max(0, 1 - Math.floor(Math.log10(part * 100)));
  return `${Math.ceil(part * 100 * digits - 1e-9) / digits} %`;
}

function partJson({ looked, total, wrongBelow }: Part) {
  return { looked, total: total ?? null, wrongBelow: wrongBelow ?? null };
}
