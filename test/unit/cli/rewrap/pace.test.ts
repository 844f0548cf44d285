import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { batchFor, paced } from '../../../../src/cli/rewrap/pace.ts';

/** Time that goes on by nothing but pauses, and by `clock.now`. */
function world() {
  const clock = { now: 1_000_000 };
  const pauses: number[] = [];
  const timing = {
    now: () => clock.now,
    async pause(milliseconds: number) {
      pauses.push(milliseconds);
      clock.now += milliseconds;
    },
  };
  return { clock, pauses, timing };
}

const never = new AbortController().signal;

describe('the pace of rewrap', () => {
  it('without a rate waits for nothing', async () => {
    const { pauses, timing } = world();
    const pace = paced(undefined, never, timing);
    for (let batch = 0; batch < 3; batch += 1) await pace(1_000_000);
    assert.deepEqual(pauses, []);
  });

  it('lets the first batch go at once, and each next when the one before has had its time', async () => {
    const { pauses, timing } = world();
    const pace = paced(50, never, timing);
    for (const count of [100, 10, 100]) await pace(count);
    assert.deepEqual(pauses, [2000, 200]);
  });

  it('counts the time that the work itself took', async () => {
    const { clock, pauses, timing } = world();
    const pace = paced(50, never, timing);
    await pace(100);
    clock.now += 1500;
    await pace(100);
    assert.deepEqual(pauses, [500]);
  });

  it('does not make up for time in which nobody asked', async () => {
    const { clock, pauses, timing } = world();
    const pace = paced(50, never, timing);
    await pace(100);
    clock.now += 3_600_000;
    for (const count of [100, 100]) await pace(count);
    assert.deepEqual(pauses, [2000]);
  });

  it('ends waiting when the operator does', async () => {
    const stop = new AbortController();
    const pace = paced(0.001, stop.signal);
    await pace(1);
    const second = pace(1);
    stop.abort();
    await second;
  });
});

describe('the batches of rewrap', () => {
  it('without a rate are as large as may be', () => assert.equal(batchFor(undefined, 100), 100));

  for (const rate of [1, 7, 50, 100, 101, 150, 250, 1000]) {
    it(`at ${rate} a second: no second begins more than that`, () => {
      const batch = batchFor(rate, 100);
      assert.ok(batch >= 1 && batch <= Math.min(rate, 100), `${batch}`);
      const inOneSecond = Math.ceil(1000 / ((batch * 1000) / rate));
      // Batches are whole: what does not divide may add less than one key each.
      assert.ok(inOneSecond * batch < rate + inOneSecond, `${inOneSecond} batches of ${batch}`);
    });
  }
});
