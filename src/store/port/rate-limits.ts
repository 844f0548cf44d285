/** Counts of requests, each within a window of time that begins with the first of them. They are not durable: they may be lost when the store restarts. */
export interface RateLimitStore {
  /**
   * Counts one more. A window that has ended at `now` is followed by a new one.
   * @param key up to 64 characters of ASCII; of one key `windowMs` is always the same.
   * @param windowMs how long a window lasts, in milliseconds.
   * @param now milliseconds since the epoch.
   * @returns the how many-th this is in its window, and when that ends. However many callers count at once, in however many processes
   *   with one store, no two in one window are given the same number, and none is left out.
   * @throws DependencyUnavailable('store'); it may have been counted.
   */
  hit(key: string, windowMs: number, now: number): Promise<Hit>;
  /**
   * Drops windows that ended before `now`, `limit` at most, and none that another caller is dropping.
   * @returns how many.
   */
  dropEnded(now: number, limit: number): Promise<number>;
}

export interface Hit {
  /** From 1 on. */
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly endsAt: number;
}
