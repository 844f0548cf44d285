import type { Hit, RateLimitStore } from '../../port.ts';
import { integer, text } from '../sql/rows.ts';
import type { Connection } from './connection.ts';

/** In the order of keys, so that statements of several processes never wait for each other in a ring. */
export const COUNT = `
  INSERT INTO rate_windows AS w (key, count, begun_at, ends_at)
  SELECT key, hits, now, now + window_ms
  FROM unnest(:keys::text[], :hits::bigint[], :nows::bigint[], :windows::bigint[]) AS h (key, hits, now, window_ms)
  ORDER BY key
  ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN w.ends_at > excluded.begun_at THEN w.count + excluded.count ELSE excluded.count END,
    begun_at = CASE WHEN w.ends_at > excluded.begun_at THEN w.begun_at ELSE excluded.begun_at END,
    ends_at = CASE WHEN w.ends_at > excluded.begun_at THEN w.ends_at ELSE excluded.ends_at END
  RETURNING key, count, ends_at`;

/** A window that somebody is counting in is none that has ended. */
export const DROP_ENDED = `
  DELETE FROM rate_windows WHERE key IN (
    SELECT key FROM rate_windows WHERE ends_at < :now ORDER BY ends_at LIMIT :limit FOR UPDATE SKIP LOCKED)`;

/** Requests of one key that are counted by one statement, at the latest of their times. */
interface Batch {
  now: number;
  readonly windowMs: number;
  readonly waiting: PromiseWithResolvers<Hit>[];
}

/**
 * One statement at a time: what comes while it is under way is counted together by the next, a row for each key, however many requests
 * that are. So the server has the less to do for each request, the more there are.
 */
export function postgresRateLimits(connection: Connection): RateLimitStore {
  let next = new Map<string, Batch>();
  let counting = false;

  async function count(): Promise<void> {
    counting = true;
    while (next.size > 0) {
      const batches = next;
      next = new Map();
      await countTogether(connection, batches).catch((error: unknown) => {
        for (const { waiting } of batches.values()) for (const one of waiting) one.reject(error);
      });
    }
    counting = false;
  }

  return {
    hit(key, windowMs, now) {
      const batch = next.get(key) ?? { now, windowMs, waiting: [] };
      next.set(key, batch);
      batch.now = Math.max(batch.now, now);
      const one = Promise.withResolvers<Hit>();
      batch.waiting.push(one);
      if (!counting) void count();
      return one.promise;
    },
    dropEnded: (now, limit) => connection.read((session) => session.run(DROP_ENDED, { now, limit })),
  };
}

async function countTogether(connection: Connection, batches: ReadonlyMap<string, Batch>): Promise<void> {
  const all = [...batches.values()];
  const rows = await connection.one(COUNT, {
    keys: [...batches.keys()],
    hits: all.map(({ waiting }) => waiting.length),
    nows: all.map(({ now }) => now),
    windows: all.map(({ windowMs }) => windowMs),
  });
  for (const row of rows) {
    const { waiting = [] } = batches.get(text(row, 'key')) ?? {};
    const before = integer(row, 'count') - waiting.length;
    const endsAt = integer(row, 'ends_at');
    for (const [n, one] of waiting.entries()) one.resolve({ count: before + n + 1, endsAt });
  }
}
