import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RewrapReport } from '../../../../src/cli/rewrap/report.ts';
import type { Rewrapped } from '../../../../src/uploads/rewrap.ts';
import { fakeTerminal } from '../fake-terminal.ts';

const one = (outcome: Rewrapped['outcome'], more: Partial<Rewrapped> = {}): Rewrapped => ({
  step: 'object keys',
  outcome,
  tenant: 'acme',
  id: 'slot-1',
  generation: 1,
  ...more,
});

describe('the report of rewrap', () => {
  it('counts by step', () => {
    const terminal = fakeTerminal();
    const report = new RewrapReport(terminal, 3, false);
    for (const each of [one('moved'), one('moved'), one('current'), one('renewed', { step: 'copies' })])
      report.add(each);
    report.end(undefined, false);
    assert.equal(
      terminal.out(),
      'intermediate keys: none\nobject keys: 2 moved, 1 current\ncopies: 1 renewed\n',
    );
    assert.equal(terminal.err(), '');
    assert.deepEqual([report.hasFailed, report.isWaiting], [false, false]);
  });

  it('says of a dry run what would be moved', () => {
    const terminal = fakeTerminal();
    const report = new RewrapReport(terminal, 1, false);
    report.add(one('moved'));
    report.add(one('renewed', { step: 'copies' }));
    report.end(undefined, true);
    assert.match(terminal.out(), /^object keys: 1 to move\ncopies: 1 to renew$/m);
  });

  it('names each key that failed, and why', () => {
    const terminal = fakeTerminal();
    const report = new RewrapReport(terminal, 1, false);
    report.add(one('failed', { code: 'key_refused (not_authentic)', generation: 2 }));
    assert.equal(terminal.err(), 'acme slot-1, generation 2: key_refused (not_authentic) (object keys)\n');
    assert.equal(report.hasFailed, true);
  });

  for (const outcome of ['waiting', 'lost_race'] as const) {
    it(`${outcome}: a later run has something to do`, () => {
      const report = new RewrapReport(fakeTerminal(), 1, false);
      report.add(one(outcome, { step: 'copies' }));
      assert.deepEqual([report.hasFailed, report.isWaiting], [false, true]);
    });
  }

  it('is one JSON line when asked for, with why it ended early', () => {
    const terminal = fakeTerminal();
    const report = new RewrapReport(terminal, 1, true);
    report.add(one('moved'));
    report.end('Interrupted; run it again to go on.', false);
    assert.deepEqual(JSON.parse(terminal.out()), {
      dryRun: false,
      ended: 'Interrupted; run it again to go on.',
      'intermediate keys': {},
      'object keys': { moved: 1 },
      copies: {},
    });
    assert.equal(terminal.err(), 'Interrupted; run it again to go on.\n');
  });

  it('estimates on a terminal what is left, by what is done', () => {
    const terminal = fakeTerminal({ isTTY: true });
    const report = new RewrapReport(terminal, 100, false);
    terminal.clock.now = 1000;
    report.add(one('moved'));
    assert.match(terminal.err(), /object keys: 1 of 100 keys, about 99 s left$/);
    report.end(undefined, false);
    assert.ok(terminal.err().endsWith('\r\x1b[K'), 'the line is cleared');
  });
});
