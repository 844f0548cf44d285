import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { AuditReport } from '../../../../src/cli/audit/report.ts';
import { AUDIT_CODES, type AuditCode } from '../../../../src/uploads/audit/codes.ts';
import type { Checked } from '../../../../src/uploads/audit.ts';

const WHOLE = { looked: 40, total: 40, wrongBelow: undefined };
const CHECKED: Checked = {
  intermediateKeys: 2,
  slots: WHOLE,
  versions: WHOLE,
  buckets: [{ target: 'main', bucket: 'uploads' }],
};
const HOSTILE = 'a\u001b[2J\n\u202eb';

function reportOf(...codes: AuditCode[]): AuditReport {
  const report = new AuditReport();
  for (const code of codes) {
    report.add({ code, tenant: 'acme', slot: 'an-id', objectKey: HOSTILE, versionId: null, detail: 'seen' });
  }
  return report;
}

describe('the report of an audit', () => {
  it('ends with the exit code of the worst', () => {
    const of = (...codes: AuditCode[]) => reportOf(...codes).exitCode(false);
    assert.equal(of(), 0);
    assert.equal(of('extra_version', 'doctor_leftover'), 0);
    assert.equal(of('unknown', 'extra_version'), 75);
    assert.equal(of('unknown', 'copy_stale'), 1);
    assert.equal(reportOf('copy_stale').exitCode(true), 130);
  });

  it('counts all and shows twenty of each, the worst first', () => {
    const many = Array.from({ length: 25 }, (): AuditCode => 'key_refused');
    const report = reportOf(...many, 'extra_version', 'not_encrypted', 'unknown');
    const text = report.text(CHECKED, false);
    assert.ok(text.indexOf('not_encrypted: 1') < text.indexOf('key_refused: 25'));
    assert.match(text, /and 5 more/);
    assert.match(text, /^key_refused +25$/m);
    assert.match(text, /26 wrong, 1 notes, 1 unknown\.\n$/);
    assert.match(text, /^slots: 40 of 40$/m);
    const document = JSON.parse(report.json(CHECKED, false)) as {
      exitCode: number;
      checked: Record<string, unknown>;
      findings: { code: string; count: number; examples: unknown[] }[];
    };
    assert.deepEqual(
      document.findings.map((found) => [found.code, found.count]),
      [
        ['not_encrypted', 1],
        ['key_refused', 25],
        ['extra_version', 1],
        ['unknown', 1],
      ],
    );
    assert.equal(document.findings[1]?.examples.length, 20);
    assert.deepEqual(document.checked.slots, { looked: 40, total: 40, wrongBelow: null });
    assert.equal(document.exitCode, 1);
  });

  it('repeats nothing that a terminal would obey', () => {
    const report = reportOf('object_without_key');
    for (const text of [report.text(CHECKED, false), report.json(CHECKED, false)]) {
      assert.doesNotMatch(text, /[\u001b\u202e]/);
    }
    assert.match(report.text(CHECKED, false), /- acme an-id "a\\u001b\[2J\\n\\u\{202e\}b": seen\n/);
    const { findings } = JSON.parse(report.json(CHECKED, false));
    assert.equal(findings[0].examples[0].objectKey, HOSTILE);
  });

  it('says what part a sample was, its bound rounded up, and where it ended early', () => {
    const slots = { looked: 300, total: 12_000, wrongBelow: 0.01 };
    const versions = { looked: 7, total: undefined, wrongBelow: 3 / 7 };
    const text = new AuditReport().text({ ...CHECKED, slots, versions }, true);
    assert.match(
      text,
      /^slots: 300 of 12000; none of them is wrong, so with 95 % confidence fewer than 1 % of all are$/m,
    );
    assert.match(
      text,
      /^object versions: 7 of an unknown number, as it ended early; .* fewer than 43 % of all/m,
    );
    assert.match(text, /^Interrupted: only a part was looked at\.$/m);
  });
});

describe('docs/audit.md', () => {
  it('has every code with what it means and what to do (a row for each, in this order)', async () => {
    const page = await readFile(new URL('../../../../docs/audit.md', import.meta.url), 'utf8');
    const rows = page.split('\n').flatMap((line) => {
      const cells = line.split(' | ').map((cell) => cell.replace(/^\| |\|$/g, '').trim());
      return cells.length === 4 && /^`\w+`$/.test(cells[0]!) ? [cells] : [];
    });
    const codes = Object.entries(AUDIT_CODES).map(([code, { grade, means, remedy }]) => [
      `\`${code}\``,
      grade,
      means,
      remedy,
    ]);
    assert.deepEqual(rows, codes);
  });
});
