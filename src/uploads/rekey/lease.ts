import { LEASE_MS } from '../lease.ts';
import type { Services } from '../services.ts';
import type { Upload } from '../upload.ts';

const MINUTE_MS = 60_000;

/** How long a worker may write to S3 after it last said so: a DELETE waits for it, as it waits for URLs (invariant 3). */
const WRITES_MS = 60 * MINUTE_MS;
/** A worker that has not renewed for all of a lease is dead: another takes over. After a crash an operator waits for it. */
const RENEW_MS = 15_000;
/** What S3 has in hand when we hang up may still be done; it gets this long before the time that DELETE waits for. */
const STOP_EARLY_MS = 10 * MINUTE_MS;

/** A re-key is under way: an uploaded slot is never looked at for anything else. */
export function isRekeying(upload: Upload): boolean {
  return upload.state === 'uploaded' && (upload.nextGeneration !== null || upload.nextCheckAt !== null);
}

/** The times of a lease that begins now. */
export function leaseFrom(now: number): { now: number; writesUntil: number; nextCheckAt: number } {
  return { now, writesUntil: now + WRITES_MS, nextCheckAt: now + LEASE_MS };
}

/** Later than any lease ends is not a lease, but the time of the next try. */
export function isHeld({ nextCheckAt }: Upload, now: number): boolean {
  return nextCheckAt !== null && nextCheckAt > now && nextCheckAt <= now + LEASE_MS;
}

/**
 * Takes a slot whose re-key is under way for this worker.
 * @param seen the slot as this worker last saw it: when its lease has changed since, another worker has it.
 * @returns undefined when it is not to be had, or there is nothing left to do.
 */
export async function claim(services: Services, seen: Upload): Promise<Upload | undefined> {
  return isRekeying(seen) ? renew(services, seen) : undefined;
}

/** Lets go of a slot after a failure, so that whoever comes next can go on at once. */
export async function letGo(services: Services, { id }: Upload): Promise<void> {
  await services.store.uploads.update(id, ['uploaded'], { nextCheckAt: services.now() });
}

/** @returns undefined when the slot is no longer `uploaded`, or its lease is no longer the one last seen. */
function renew(services: Services, seen: Upload): Promise<Upload | undefined> {
  const { writesUntil, nextCheckAt } = leaseFrom(services.now());
  // Once the object is written nothing is left to wait for.
  const urlEndsAt = seen.nextGeneration === null ? {} : { urlEndsAt: writesUntil };
  return services.store.uploads.update(
    seen.id,
    ['uploaded'],
    { ...urlEndsAt, nextCheckAt },
    { nextCheckAt: seen.nextCheckAt },
  );
}

/** Why work under a lease is aborted: a DELETE has come, another worker has taken over, or the store did not let us renew in time. */
export class LeaseLost extends Error {}

/**
 * Works on a claimed slot, renewing the lease meanwhile. The signal given to `work` is aborted by `stop`, when the slot is no longer
 * `uploaded` or no longer ours, and well before the time that a DELETE waits for.
 * @throws LeaseLost also in place of what `work` throws after that: whoever has the slot now may have caused it.
 */
export async function underLease<T>(
  services: Services,
  upload: Upload,
  stop: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  let held = upload;

  async function keep(): Promise<void> {
    const renewed = await renew(services, held).catch(() => 'unavailable' as const);
    if (renewed === undefined) lost.abort(new LeaseLost('the slot is deleted, or another worker has it'));
    else if (renewed !== 'unavailable') held = renewed;
    else if (services.now() >= held.urlEndsAt - STOP_EARLY_MS)
      lost.abort(new LeaseLost('the store did not let the lease be renewed'));
  }

  // One after the other: each must know what the one before has written.
  let kept = Promise.resolve();
  const timer = setInterval(() => void (kept = kept.then(keep)), RENEW_MS);
  timer.unref();
  try {
    return await work(AbortSignal.any([stop, lost.signal]));
  } catch (error) {
    clearInterval(timer);
    await kept.then(keep);
    lost.signal.throwIfAborted();
    throw error;
  } finally {
    clearInterval(timer);
  }
}
