import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleOf } from '../../../src/uploads/audit/sources.ts';

async function* upTo(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n += 1) yield n;
}

/** The same numbers at every run: mulberry32. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const never = new AbortController().signal;

describe('a sample of a stream', () => {
  it('is all of it when that is not more', async () => {
    const { chosen, total } = await sampleOf(upTo(3), 5, Math.random, never);
    assert.deepEqual([chosen, total], [[0, 1, 2], 3]);
  });

  it('gives each the same chance', async () => {
    const random = numbers(1);
    const times = Array.from({ length: 10 }, () => 0);
    for (let run = 0; run < 4_000; run += 1) {
      const { chosen, total } = await sampleOf(upTo(10), 3, random, never);
      assert.deepEqual([new Set(chosen).size, total], [3, 10]);
      for (const n of chosen) times[n]! += 1;
    }
    // 1,200 each; five standard deviations are 145.
    for (const [n, count] of times.entries()) assert.ok(Math.abs(count - 1_200) < 145, `${n}: ${count}`);
  });
});
