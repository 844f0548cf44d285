import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judge } from '../../../src/events/attempt.ts';
import { waitAfter, MOST_ATTEMPTS } from '../../../src/events/back-off.ts';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const answered = (status: number, retryAfterSeconds?: number) => ({ status, retryAfterSeconds });
const after = (attempts: number, ...[status, seconds]: Parameters<typeof answered>) =>
  judge(attempts, answered(status, seconds), NOW, () => 0);

describe('what becomes of a message', () => {
  it('2xx is delivered, and nothing else is', () => {
    for (const status of [200, 201, 202, 204, 299])
      assert.deepEqual(after(1, status), { state: 'delivered', endedAt: NOW });
    for (const status of [101, 300, 301, 304, 400, 401, 404, 409, 422, 500, 502, 504])
      assert.deepEqual(after(1, status), {
        ...{ state: 'pending', nextAttemptAt: NOW + 5000, lastFailure: `answered ${status}` },
      });
    assert.deepEqual(
      judge(1, { failure: 'connection refused' }, NOW, () => 0),
      { state: 'pending', nextAttemptAt: NOW + 5000, lastFailure: 'connection refused' },
    );
  });

  it('waits as Standard Webhooks advises, and is given up after the tenth attempt', () => {
    const waits = Array.from({ length: MOST_ATTEMPTS }, (_, index) => waitAfter(index + 1, () => 0));
    const hours = [2, 5, 10, 14, 20, 24].map((count) => count * HOUR);
    assert.deepEqual(waits, [5000, 300_000, 1_800_000, ...hours, undefined]);
    assert.deepEqual(after(10, 500), { state: 'dead', endedAt: NOW, lastFailure: 'answered 500' });
  });

  it('waits up to a tenth longer by chance, never shorter', () => {
    assert.equal(
      waitAfter(1, () => 1),
      5500,
    );
    assert.equal(
      waitAfter(2, () => 0.5),
      315_000,
    );
  });

  it('waits at least as long as a 429 or 503 asks for, but not for ever', () => {
    const waitOf = (...asked: Parameters<typeof after>): number => {
      const outcome = after(...asked);
      assert.equal(outcome.state, 'pending');
      return outcome.nextAttemptAt - NOW;
    };
    for (const status of [429, 503]) assert.equal(waitOf(1, status, 90), 90_000);
    assert.equal(waitOf(1, 503, 1), 5000);
    assert.equal(waitOf(1, 429, 999_999_999), 24 * HOUR);
    assert.equal(waitOf(1, 500, 90), 5000);
    assert.equal(after(10, 503, 90).state, 'dead');
  });

  it('410 is the end at once', () => {
    assert.deepEqual(after(1, 410), { state: 'dead', endedAt: NOW, lastFailure: 'answered 410' });
  });
});
