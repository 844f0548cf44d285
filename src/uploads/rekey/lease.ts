import type { Services } from '../services.ts';
import type { Upload } from '../upload.ts';

const MINUTE_MS = 60_000;

/** How long a worker may write to S3 after it last said so: a DELETE waits for it, as it waits for URLs (invariant 3). */
const WRITES_MS = 60 * MINUTE_MS;
/** A worker that has not renewed for so long is dead: another takes over. */
const LEASE_MS = 5 * MINUTE_MS;
const RENEW_MS = MINUTE_MS;
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

/**
 * Takes a slot whose re-key is under way for this worker.
 * @param seen the slot as this worker last saw it: when its lease has changed since, another worker has it.
 * @returns undefined when it is not to be had, or there is nothing left to do.
 */
export async function claim(services: Services, seen: Upload): Promise<Upload | undefined> {
  return isRekeying(seen) ? renew(services, seen, { nextCheckAt: seen.nextCheckAt }) : undefined;
}

/** @returns undefined when the slot is no longer `uploaded`, or its lease no longer as expected. */
function renew(
  services: Services,
  upload: Upload,
  expected?: Pick<Upload, 'nextCheckAt'>,
): Promise<Upload | undefined> {
  const { writesUntil, nextCheckAt } = leaseFrom(services.now());
  // Once the object is written nothing is left to wait for.
  const urlEndsAt = upload.nextGeneration === null ? {} : { urlEndsAt: writesUntil };
  return services.store.uploads.update(upload.id, ['uploaded'], { ...urlEndsAt, nextCheckAt }, expected);
}

/** Why work under a lease is aborted: a DELETE has come, or the store did not let us renew in time. */
export class LeaseLost extends Error {}

/**
 * Works on a claimed slot, renewing the lease meanwhile. The signal given to `work` is aborted by `stop`, when the slot is no longer
 * `uploaded`, and well before the time that a DELETE waits for.
 */
export async function underLease<T>(
  services: Services,
  upload: Upload,
  stop: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  let writesUntil = upload.urlEndsAt;

  async function keep(): Promise<void> {
    const renewed = await renew(services, upload).catch(() => 'unavailable' as const);
    if (renewed === undefined) lost.abort(new LeaseLost('the slot is no longer uploaded'));
    else if (renewed !== 'unavailable') writesUntil = renewed.urlEndsAt;
    else if (services.now() >= writesUntil - STOP_EARLY_MS)
      lost.abort(new LeaseLost('the store did not let the lease be renewed'));
  }

  const timer = setInterval(() => void keep(), RENEW_MS);
  timer.unref();
  try {
    return await work(AbortSignal.any([stop, lost.signal]));
  } finally {
    clearInterval(timer);
  }
}
