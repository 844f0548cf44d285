import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rfc3339 } from '../../src/rfc3339.ts';

describe('a time in RFC 3339', () => {
  it('is the same when it was kept as when it is made', () => {
    const times = Array.from({ length: 500 }, (_, n) => 1_790_000_000_000 + ((n * 7919) % 100) * 997);
    for (const at of times) assert.equal(rfc3339(at), new Date(at).toISOString());
  });

  it('is none of what is no time', () => {
    assert.throws(() => rfc3339(NaN), RangeError);
  });
});
