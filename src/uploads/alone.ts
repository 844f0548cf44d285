import { randomUUID } from 'node:crypto';
import { StillCompleting } from '../errors.ts';
import { LEASE_MS } from './lease.ts';
import type { Services } from './services.ts';

const RENEW_MS = 15_000;

/**
 * Of all replicas one does this work: two that have S3 put the same parts together get in each other's way, and a large object is read
 * only once. Its lease is renewed for as long as the work takes.
 * @throws StillCompleting while another replica is at it, or has died at it less than a lease ago.
 */
export async function alone<T>(
  { store, now }: Pick<Services, 'store' | 'now'>,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  const holder = randomUUID();
  const take = (): Promise<boolean> => store.leases.take(name, holder, now(), now() + LEASE_MS);
  if (!(await take())) throw new StillCompleting();
  // What was not renewed in time is done twice at worst.
  let renewing: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    renewing = renewing.then(take).catch(() => undefined);
  }, RENEW_MS);
  timer.unref();
  try {
    return await work();
  } finally {
    clearInterval(timer);
    await renewing;
    // It ends by itself.
    await store.leases.release(name, holder).catch(() => undefined);
  }
}
