import { setTimeout as delay } from 'node:timers/promises';

export interface Timing {
  readonly now: () => number;
  /** Resolves after so many milliseconds; rejects once aborted. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const REAL: Timing = {
  now: Date.now,
  pause: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
};

/**
 * At most `perSecond` keys a second, from the first on.
 * @param perSecond no limit unless given.
 * @param signal ends the waiting.
 */
export function paced(
  perSecond: number | undefined,
  signal: AbortSignal,
  { now, pause }: Timing = REAL,
): (count: number) => Promise<void> {
  if (perSecond === undefined) return async () => undefined;
  let freeAt = now();
  return async (count) => {
    const wait = freeAt - now();
    freeAt = Math.max(freeAt, now()) + (count * 1000) / perSecond;
    if (wait > 0) await pause(wait, signal).catch(() => undefined);
  };
}

/** Equal parts of a second's keys, so that no second sees more of them: what a keeper's quota counts. */
export function batchFor(perSecond: number | undefined, most: number): number {
  if (perSecond === undefined) return most;
  return Math.ceil(perSecond / Math.ceil(perSecond / most));
}
