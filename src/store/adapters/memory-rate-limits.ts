import type { Hit, RateLimitStore } from '../port.ts';

/** For a store that one process serves from: what the process counts is all there is. */
export function memoryRateLimits(): RateLimitStore {
  const windows = new Map<string, Hit>();
  return {
    async hit(key, windowMs, now) {
      const last = windows.get(key);
      const lives = last !== undefined && last.endsAt > now;
      const hit = lives ? { ...last, count: last.count + 1 } : { count: 1, endsAt: now + windowMs };
      windows.set(key, hit);
      return hit;
    },
    async dropEnded(now, limit) {
      const ended = [...windows].filter(([, { endsAt }]) => endsAt < now).slice(0, limit);
      for (const [key] of ended) windows.delete(key);
      return ended.length;
    },
  };
}
