import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { S3Refusal, ServiceProblem } from '../../../src/client/errors.ts';
import { unreachable } from '../../../src/client/node/unreachable.ts';
import { DEFAULT_RETRY, Patience, type RetryPolicy } from '../../../src/client/retry.ts';

describe('Patience', () => {
  const pauses: number[] = [];
  const policy = (random: number): RetryPolicy => ({
    ...DEFAULT_RETRY,
    random: () => random,
    pause: async (milliseconds) => void pauses.push(milliseconds),
  });
  const passing = unreachable('service', new Error('x'));

  it('waits up to twice as long each time, within a bound, six tries in all', async () => {
    pauses.length = 0;
    const patience = new Patience(policy(1));
    for (let i = 0; i < 5; i += 1) await patience.afterFailure(passing);
    await assert.rejects(patience.afterFailure(passing), passing);
    assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000]);
  });

  it('waits at least for Retry-After, at most a minute of it', async () => {
    pauses.length = 0;
    const patience = new Patience(policy(0));
    await patience.afterFailure(new S3Refusal(503, 'SlowDown', 7));
    await patience.afterFailure(new ServiceProblem(429, {}, 86_400));
    assert.deepEqual(pauses, [7_000, 60_000]);
  });

  it('does not try again what cannot get better', async () => {
    const untrusted = Object.assign(new Error('x'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    for (const error of [
      new ServiceProblem(422, { code: 'policy_refused', detail: 'no' }),
      new ServiceProblem(500, { code: 'key_unusable' }),
      new S3Refusal(400, 'BadDigest'),
      unreachable('S3', untrusted),
      new Error('a bug'),
    ]) {
      await assert.rejects(new Patience(policy(0)).afterFailure(error), error);
    }
    await new Patience(policy(0)).afterFailure(new S3Refusal(400, 'RequestTimeout'));
  });
});
