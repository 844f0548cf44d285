import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { validate, version } from 'uuid';
import { publicRandom } from '../../../src/random.ts';
import { newId } from '../../../src/uploads/new-id.ts';

describe('a new id', () => {
  it('is a UUIDv7, greater than all before it, and never the same', () => {
    const ids = Array.from({ length: 50_000 }, newId);
    for (const [n, id] of ids.entries()) {
      assert.ok(validate(id) && version(id) === 7, id);
      assert.ok(n === 0 || id > (ids[n - 1] ?? ''), `${ids[n - 1]} then ${id}`);
    }
    const at = Number.parseInt(newId().replace('-', '').slice(0, 12), 16);
    assert.ok(Math.abs(Date.now() - at) < 60_000);
  });

  it('has random bits at its end', () => {
    const ends = new Set(Array.from({ length: 10_000 }, () => newId().slice(-12)));
    assert.equal(ends.size, 10_000);
  });
});

describe('random bytes from the pool', () => {
  it('are as many as were asked for, and never come twice', () => {
    const seen = new Set<string>();
    for (let n = 0; n < 20_000; n += 1) {
      const length = 12 + (n % 5);
      const bytes = publicRandom(length);
      assert.equal(bytes.length, length);
      seen.add(bytes.subarray(0, 12).toString('hex'));
    }
    assert.equal(seen.size, 20_000);
  });

  it('have every bit as often as not', () => {
    const ones = new Array<number>(96).fill(0);
    const DRAWS = 20_000;
    for (let n = 0; n < DRAWS; n += 1) {
      const bytes = publicRandom(12);
      for (let bit = 0; bit < 96; bit += 1)
        ones[bit] = (ones[bit] ?? 0) + (((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1);
    }
    // Seven standard deviations.
    for (const count of ones) assert.ok(Math.abs(count - DRAWS / 2) < 3.5 * Math.sqrt(DRAWS), String(count));
  });
});
