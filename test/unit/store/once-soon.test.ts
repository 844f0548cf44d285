import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { onceSoon } from '../../../src/store/adapters/once-soon.ts';

describe('once for all of one turn', () => {
  it('runs after those who come a few promises later, in the same turn', async () => {
    const asked: number[] = [];
    const runs: number[] = [];
    const soon = onceSoon(() => runs.push(asked.length));
    await Promise.all(
      [0, 1, 5, 9].map(async (promises) => {
        for (let n = 0; n < promises; n += 1) await Promise.resolve();
        asked.push(promises);
        soon();
      }),
    );
    await setImmediate();
    assert.deepEqual(runs, [4]);
  });

  it('runs again for who comes in the next turn', async () => {
    let runs = 0;
    const soon = onceSoon(() => (runs += 1));
    soon();
    await setImmediate();
    assert.equal(runs, 1);
    soon();
    soon();
    await setImmediate();
    assert.equal(runs, 2);
  });
});
