import { printable, printableJson } from '../../printable.ts';
import type { SlotInFile, SlotOutcome } from '../../uploads/import-keys.ts';
import type { Output } from '../status-line.ts';

/** Counts, and tells of each slot that failed why, never its key. With `json`, of every slot. */
export class KeysReport {
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #json: boolean;
  readonly #counts = { restored: 0, restorable: 0, already: 0, failed: 0 };

  constructor(stdout: Output, stderr: Output, json: boolean) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#json = json;
  }

  get failed(): number {
    return this.#counts.failed;
  }

  /** Of what was reported. */
  get count(): number {
    return Object.values(this.#counts).reduce((sum, count) => sum + count);
  }

  slot(slot: SlotInFile, outcome: SlotOutcome): void {
    const failed = 'detail' in outcome;
    this.#counts[failed ? 'failed' : outcome.kind] += 1;
    if (this.#json) this.#stdout.write(`${printableJson(JSON.stringify(asJson(slot, outcome)))}\n`);
    else if (failed) this.#stderr.write(`${printable(asText(slot, outcome))}\n`);
  }

  /** The counts, and what is to be said beside them. */
  end(remark: string | undefined): void {
    if (remark !== undefined) this.#stderr.write(`${remark}\n`);
    if (this.#json) return;
    const { restored, restorable, already, failed } = this.#counts;
    const would = restorable === 0 ? '' : `${restorable} could be restored, `;
    this.#stdout.write(`${would}${restored} restored, ${already} already there, ${failed} failed\n`);
  }
}

function asText({ line, upload }: SlotInFile, outcome: Extract<SlotOutcome, { detail: string }>): string {
  const who = upload === undefined ? '' : ` ${upload.id} (${upload.tenant})`;
  return `line ${line}: ${outcome.kind}${who}: ${outcome.detail}`;
}

function asJson({ line, upload }: SlotInFile, outcome: SlotOutcome): Record<string, unknown> {
  const end =
    'detail' in outcome
      ? { outcome: 'failed', code: outcome.kind, detail: outcome.detail }
      : { outcome: outcome.kind };
  return { line, ...(upload && { tenant: upload.tenant, id: upload.id }), ...end };
}
