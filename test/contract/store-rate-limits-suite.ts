import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { RateLimitStore } from '../../src/store/port.ts';
import { NOW, type OpenedStore } from './store-rows.ts';

const WINDOW_MS = 60_000;

/** Counts of requests; a part of the store's contract. */
export function rateLimitsSuite(opened: () => OpenedStore): void {
  let limits: RateLimitStore;
  beforeEach(() => {
    limits = opened().store.rateLimits;
  });
  const hit = (key: string, now = NOW) => limits.hit(key, WINDOW_MS, now);
  const numbers = (first: number, many: number) => Array.from({ length: many }, (_, n) => first + n);

  describe('rate limits', () => {
    it('count within a window that begins with the first', async () => {
      assert.deepEqual(await hit('a'), { count: 1, endsAt: NOW + WINDOW_MS });
      assert.deepEqual(await hit('a', NOW + 1), { count: 2, endsAt: NOW + WINDOW_MS });
      assert.deepEqual(await hit('a', NOW + WINDOW_MS - 1), { count: 3, endsAt: NOW + WINDOW_MS });
    });

    it('begin anew once the window has ended', async () => {
      await hit('a');
      await hit('a');
      const later = NOW + WINDOW_MS;
      assert.deepEqual(await hit('a', later), { count: 1, endsAt: later + WINDOW_MS });
      assert.deepEqual(await hit('a', later + 1), { count: 2, endsAt: later + WINDOW_MS });
    });

    it('count each key for itself, by its letters alone', async () => {
      const keys = ['a', 'A', 'b', '-_', 'x'.repeat(64), `${'x'.repeat(63)}y`];
      await hit('a');
      const hits = await Promise.all(keys.map((key) => hit(key)));
      assert.deepEqual(
        hits.map(({ count }) => count),
        [2, 1, 1, 1, 1, 1],
      );
    });

    it('give 500 at once 500 numbers, of several keys at that', async () => {
      const hits = await Promise.all(
        Array.from({ length: 500 }, async (_, n) => ({ key: `k${n % 3}`, ...(await hit(`k${n % 3}`)) })),
      );
      for (const [key, many] of [
        ['k0', 167],
        ['k1', 167],
        ['k2', 166],
      ] as const) {
        const counts = hits.filter((one) => one.key === key).map(({ count }) => count);
        assert.deepEqual(
          counts.sort((a, b) => a - b),
          numbers(1, many),
        );
      }
    });

    it('give in one window none of the next, though both are asked for at once', async () => {
      await Promise.all(Array.from({ length: 50 }, () => hit('a')));
      const later = NOW + WINDOW_MS;
      const hits = await Promise.all(Array.from({ length: 50 }, () => hit('a', later)));
      const counts = hits.map(({ count }) => count);
      assert.deepEqual(
        counts.sort((a, b) => a - b),
        numbers(1, 50),
      );
      assert.ok(hits.every(({ endsAt }) => endsAt === later + WINDOW_MS));
    });

    it('are dropped once they have ended, and no other', async () => {
      await hit('a');
      await hit('b', NOW + 1);
      assert.equal(await limits.dropEnded(NOW + WINDOW_MS, 10), 0);
      assert.equal(await limits.dropEnded(NOW + WINDOW_MS + 1, 10), 1);
      assert.equal((await hit('b', NOW + 2)).count, 2);
      assert.equal((await hit('a', NOW + 2)).count, 1);
    });
  });
}
