import { setTimeout as delay } from 'node:timers/promises';

/**
 * At most `perSecond` keys a second, from the first on.
 * @param perSecond no limit unless given.
 * @param signal ends the waiting.
 */
export function paced(perSecond: number | undefined, signal: AbortSignal): (count: number) => Promise<void> {
  if (perSecond === undefined) return async () => undefined;
  let freeAt = Date.now();
  return async (count) => {
    const wait = freeAt - Date.now();
    freeAt = Math.max(freeAt, Date.now()) + (count * 1000) / perSecond;
    if (wait > 0) await delay(wait, undefined, { signal }).catch(() => undefined);
  };
}
