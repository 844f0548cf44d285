import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGoodAt, tokenName, VerifiedTokens } from '../../../src/access/verified-tokens.ts';

describe('isGoodAt', () => {
  const cases: [lifetime: { exp: number; nbf?: number }, now: number, tolerance: number, good: boolean][] = [
    [{ exp: 100 }, 99_999, 0, true],
    [{ exp: 100 }, 100_000, 0, false],
    [{ exp: 100 }, 104_999, 5, true],
    [{ exp: 100 }, 105_000, 5, false],
    [{ exp: 100.5 }, 100_999, 0, true],
    [{ exp: 200, nbf: 100 }, 99_999, 0, false],
    [{ exp: 200, nbf: 100 }, 100_000, 0, true],
    [{ exp: 200, nbf: 100 }, 94_999, 5, false],
    [{ exp: 200, nbf: 100 }, 95_000, 5, true],
    [{ exp: Number.NaN }, 0, 5, false],
    [{ exp: -Infinity }, 0, 5, false],
  ];
  for (const [{ exp, nbf }, now, tolerance, good] of cases)
    it(`says ${good} of exp ${exp}, nbf ${nbf}, at ${now} ms by ${tolerance} s`, () =>
      assert.equal(isGoodAt({ exp, nbf }, now, tolerance), good));
});

describe('VerifiedTokens', () => {
  it('gives what it was given, under that name only', () => {
    const tokens = new VerifiedTokens<number>();
    tokens.set('a', 1);
    assert.deepEqual([tokens.get('a'), tokens.get('b')], [1, undefined]);
    tokens.set('a', 2);
    assert.deepEqual([tokens.get('a'), tokens.size], [2, 1]);
  });

  it('never has more than two generations, however many come', () => {
    const tokens = new VerifiedTokens<number>(10);
    for (let n = 0; n < 1000; n += 1) {
      tokens.set(`${n}`, n);
      assert.ok(tokens.size <= 20);
    }
    assert.equal(tokens.get('999'), 999);
    assert.equal(tokens.get('0'), undefined);
  });

  it('keeps what is asked for, whatever else comes', () => {
    const tokens = new VerifiedTokens<number>(10);
    tokens.set('used', 1);
    for (let n = 0; n < 1000; n += 1) {
      tokens.set(`${n}`, n);
      assert.equal(tokens.get('used'), 1);
      assert.ok(tokens.size <= 20);
    }
  });
});

describe('tokenName', () => {
  it('is SHA-256, and does not hold the token', () => {
    assert.equal(tokenName('abc'), 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=');
  });
});
