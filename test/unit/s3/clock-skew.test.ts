import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClockSkew } from '../../../src/s3/clock-skew.ts';

const NOON = Date.parse('2026-11-23T12:00:00Z');

function learnt(offset: number, roundTrip = 0): number {
  const skew = new ClockSkew();
  const theirs = new Date(NOON + offset).toUTCString();
  skew.learn(theirs, NOON - roundTrip / 2, NOON + roundTrip / 2);
  return skew.milliseconds;
}

describe('ClockSkew', () => {
  it('is 0 until an answer came, and after an answer without a readable date', () => {
    const skew = new ClockSkew();
    assert.equal(skew.milliseconds, 0);
    skew.learn(undefined, NOON, NOON);
    skew.learn('soon', NOON, NOON);
    assert.equal(skew.milliseconds, 0);
  });

  it('takes the middle of the second that Date leaves open', () => {
    assert.equal(learnt(60_000), 60_500);
    assert.equal(learnt(-60_000), -59_500);
  });

  it('ignores what the resolution of Date or a slow answer can explain', () => {
    assert.equal(learnt(0), 0);
    assert.equal(learnt(-1_000), 0);
    assert.equal(learnt(3_000, 8_000), 0);
    assert.equal(learnt(5_000, 8_000), 5_500);
  });

  it('does not believe a date that S3 could not have verified a signature at', () => {
    assert.equal(learnt(-50 * 365 * 86_400_000), 0);
    assert.equal(learnt(16 * 60_000), 0);
    assert.equal(learnt(14 * 60_000), 14 * 60_000 + 500);
  });

  it('forgets an old skew when the clocks agree again', () => {
    const skew = new ClockSkew();
    skew.learn(new Date(NOON + 60_000).toUTCString(), NOON, NOON);
    skew.learn(new Date(NOON).toUTCString(), NOON, NOON);
    assert.equal(skew.milliseconds, 0);
  });
});
