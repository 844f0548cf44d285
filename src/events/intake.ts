import { setImmediate } from 'node:timers/promises';
import type { Principal } from '../access/principal.ts';
import type { Services } from '../uploads/services.ts';
import { slotIdsOf } from '../uploads/slot-ids.ts';
import { madeObjects } from './s3-event.ts';

/** The store answers without letting anybody else run, and an object key may name slots by the dozen. */
const READS_AT_ONCE = 50;

/**
 * Events are hints that an object may be there, and nothing in them is believed: each slot of the caller's tenant that waits for its object
 * is looked at by a HEAD with its key. So duplicates, disorder and forgeries cost a look and change nothing.
 * @returns how many slots are looked at. The hints are durable when it resolves, all by one commit.
 * @throws InvalidRequest when it is no event of S3's.
 */
export async function takeEvents(services: Services, principal: Principal, event: unknown): Promise<number> {
  const waiting = await waitingSlots(services, principal, event);
  if (waiting.length === 0) return 0;
  const due = await services.store.uploads.makeDue(waiting, services.now());
  for (const upload of due) services.lookAt(upload);
  return due.length;
}

/** Ids, each once. */
async function waitingSlots({ store }: Services, { tenant }: Principal, event: unknown): Promise<string[]> {
  const waiting = new Set<string>();
  let reads = 0;
  for (const { bucket, objectKey } of madeObjects(event)) {
    for (const id of slotIdsOf(bucket, objectKey)) {
      if (waiting.has(id)) continue;
      if ((reads += 1) % READS_AT_ONCE === 0) await setImmediate();
      const upload = await store.uploads.get(tenant, id);
      const isIts = upload?.bucket === bucket && upload.objectKey === objectKey;
      const isWaiting = upload?.state === 'issued' || upload?.state === 'expired';
      if (isIts && isWaiting && upload.forgottenAt === null) waiting.add(id);
    }
  }
  return [...waiting];
}
