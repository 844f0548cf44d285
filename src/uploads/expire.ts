import { customerKeyOf } from './customer-key-of.ts';
import { targetOf, type Services } from './services.ts';
import { settle } from './settle.ts';
import type { Upload } from './upload.ts';
import { askS3 } from './verify.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * One look at a slot whose time has come. An object that is there, however late, settles it. Expiry alone destroys nothing: the key
 * goes only after its retention and on an empty listing (invariant 3).
 */
export async function checkExpired(services: Services, upload: Upload): Promise<void> {
  const { store, observer, config } = services;
  const arrival = await askS3(services, upload, await customerKeyOf(services, upload));
  if (arrival.kind === 'arrived') {
    await settle(services, upload, arrival);
    return;
  }
  const now = services.now();
  const keptUntil = Math.max(upload.expiresAt, upload.urlEndsAt) + config.retention.keySeconds * 1000;
  if (upload.state === 'expired' && now >= keptUntil && (await isProvenAbsent(services, upload))) {
    if (await store.uploads.forget(upload.id, { urlEndsAt: upload.urlEndsAt }, now)) {
      observer.slot('forgotten', upload);
    }
    return;
  }
  const nextCheckAt = nextLookAt(upload, now, keptUntil);
  const expired = await store.uploads.update(upload.id, [upload.state], { state: 'expired', nextCheckAt });
  if (expired !== undefined && upload.state === 'issued') observer.slot('expired', expired);
}

async function isProvenAbsent(services: Services, upload: Upload): Promise<boolean> {
  const remains = await targetOf(services, upload.target).objects.remains(upload.bucket, upload.objectKey);
  return remains.versions.length === 0 && remains.multipartUploadIds.length === 0;
}

/** Soon after the end, then ever more seldom; never later than the moment the key may go. */
function nextLookAt(upload: Upload, now: number, keptUntil: number): number {
  const pause = Math.min(Math.max((now - upload.expiresAt) / 2, MINUTE_MS), DAY_MS);
  const next = Math.round(now + pause);
  return now < keptUntil ? Math.min(next, keptUntil) : next;
}
