import assert from 'node:assert/strict';
import type { CheckText, Examination, Finding } from '../../../src/doctor/finding.ts';

export interface Summary {
  readonly findings: readonly Finding[];
  readonly last: Finding;
  /** `files.kek unsafe`, in order. */
  readonly lines: readonly string[];
  readonly value: boolean;
}

/** Runs an examination to its end, and holds every finding to what a report needs of it. */
export async function summary(
  examination: Examination,
  checks: Readonly<Record<string, CheckText>>,
): Promise<Summary> {
  const findings: Finding[] = [];
  for (;;) {
    const { done, value } = await examination.next();
    if (done === true) {
      const last = findings.at(-1);
      assert.ok(last, 'nothing was found');
      return { findings, last, lines: findings.map((each) => `${each.check} ${each.outcome}`), value };
    }
    assert.ok(Object.hasOwn(checks, value.check), `${value.check} is not explained`);
    assert.doesNotMatch(value.found, /\.$/, 'a full stop');
    if (value.outcome === 'off' || value.outcome === 'unsafe') assert.ok(value.remedy, 'no remedy');
    if (value.outcome === 'off') assert.ok(value.off?.length, 'no feature is off');
    findings.push(value);
  }
}
