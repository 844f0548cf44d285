import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Overloaded } from '../../../src/errors.ts';
import { createStreams } from '../../../src/uploads/streams.ts';

const MOST = 1000;

describe('the contents that are being sent', () => {
  it('are told to be many from the sixteenth on, and few again once it has ended', () => {
    const told: boolean[] = [];
    const streams = createStreams((areMany) => told.push(areMany));
    const open = Array.from({ length: 20 }, (_, n) => {
      const ends = new AbortController();
      streams.begin(`slot ${n}`, MOST, ends.signal);
      assert.deepEqual(told, n < 15 ? [] : [true], `after ${n + 1}`);
      return ends;
    });
    for (const [n, ends] of open.entries()) {
      ends.abort();
      const left = 19 - n;
      assert.deepEqual(told, left >= 16 ? [true] : [true, false], `with ${left} left`);
    }
  });

  it('are not told of again where one more or less makes no difference', () => {
    const told: boolean[] = [];
    const streams = createStreams((areMany) => told.push(areMany));
    const begin = (n: number): AbortController => {
      const ends = new AbortController();
      streams.begin(`slot ${n}`, MOST, ends.signal);
      return ends;
    };
    const some = Array.from({ length: 17 }, (_, n) => begin(n));
    some[0]?.abort();
    begin(17);
    assert.deepEqual(told, [true]);
  });

  it('are refused beyond the share of one slot, and then do not count', () => {
    const told: boolean[] = [];
    const streams = createStreams((areMany) => told.push(areMany));
    for (let n = 0; n < 15; n += 1) streams.begin('one', 150, new AbortController().signal);
    assert.throws(() => streams.begin('one', 150, new AbortController().signal), Overloaded);
    assert.deepEqual(told, []);
  });
});
