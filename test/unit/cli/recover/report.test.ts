import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RecoverReport } from '../../../../src/cli/recover/report.ts';
import type { Note } from '../../../../src/uploads/recover/outcome.ts';
import { fakeTerminal } from '../fake-terminal.ts';

it('an older generation on top is told, and not all is well; other notes are only told', () => {
  const all: [Note, boolean][] = [
    ['behind_delete_marker', true],
    ['rejected', true],
    ['older_generation_on_top', false],
  ];
  for (const [note, isAll] of all) {
    const { stdout, stderr } = fakeTerminal();
    const report = new RecoverReport(stdout, stderr, false);
    const outcome = { kind: 'recovered', tenant: 'acme', id: 'x', notes: [note], refused: [] } as const;
    report.add('object', { bucket: 'b', objectKey: 'k' }, outcome);
    assert.equal(report.isAll, isAll, note);
  }
});
