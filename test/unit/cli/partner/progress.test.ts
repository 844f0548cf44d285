import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesText, durationText, Progress } from '../../../../src/cli/partner/progress.ts';
import { fakeTerminal } from '../fake-terminal.ts';

describe('Progress', () => {
  it('writes nothing where standard error is no terminal', () => {
    const terminal = fakeTerminal({ isTTY: false });
    const progress = new Progress(terminal, { files: 2, bytes: 100 });
    progress.moved('a', 50);
    progress.finished('a', 50);
    progress.clear();
    assert.equal(terminal.err(), '');
  });

  it('draws one line, at most ten times a second, no wider than the terminal', () => {
    const terminal = fakeTerminal({ isTTY: true, columns: 50 });
    const progress = new Progress(terminal, { files: 2, bytes: 4_000_000 });
    for (let i = 1; i <= 100; i += 1) {
      terminal.clock.now += 50;
      progress.moved('a\u001b[2Jb', i * 10_000);
    }
    const drawn = terminal.err().split('\r').slice(1);
    assert.equal(drawn.length, 50);
    for (const line of drawn) {
      assert.ok(line.length - '\x1b[K'.length < 50);
      assert.doesNotMatch(line, /\n|\x1b\[2J/);
    }
    assert.match(drawn.at(-1) ?? '', /^0\/2 files, 990 kB of 4\.0 MB, 200 kB\/s, 15 s left/);
    progress.clear();
    assert.match(terminal.err(), /\r\x1b\[K$/);
  });

  it('counts what went over the line, twice what went twice', () => {
    const terminal = fakeTerminal({ isTTY: false });
    const progress = new Progress(terminal, { files: 2, bytes: 200 });
    assert.equal(progress.summary(), '');
    progress.moved('a', 60);
    progress.moved('a', 0);
    progress.moved('a', 100);
    progress.finished('a', 100);
    progress.finished('there already', 100);
    terminal.clock.now += 2_000;
    assert.equal(progress.summary(), '; 160 B in 2 s (80 B/s)');
  });
});

describe('Progress of what goes on after an end', () => {
  it('does not count what an earlier run sent', () => {
    const terminal = fakeTerminal({ isTTY: false });
    const progress = new Progress(terminal, { files: 1, bytes: 200 });
    progress.moved('a', 0);
    progress.moved('a', 120, 120);
    progress.moved('a', 200, 120);
    terminal.clock.now += 2_000;
    assert.equal(progress.summary(), '; 80 B in 2 s (40 B/s)');
  });
});

describe('units', () => {
  for (const [bytes, shown] of [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [9_949, '9.9 kB'],
    [9_960, '10 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [3_000_000_000, '3.0 GB'],
  ] as const) {
    it(`${bytes} bytes are ${shown}`, () => assert.equal(bytesText(bytes), shown));
  }

  it('durations', () => {
    assert.deepEqual([0.4, 59.6, 185, 7_800].map(durationText), [
      '0 s',
      '1 min 0 s',
      '3 min 5 s',
      '2 h 10 min',
    ]);
  });
});
