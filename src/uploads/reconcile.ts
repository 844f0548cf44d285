import { StillCompleting } from '../errors.ts';
import { messagesOf } from '../events/message.ts';
import type { OutboxMessage, UploadPatch } from '../store/port.ts';
import { finish, type Finish } from './finish.ts';
import { dueAt } from './lease.ts';
import { endedAt, targetOf, type Services } from './services.ts';
import { stateAt, type Upload } from './upload.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Longer than most steps take, shorter than the others in a pass should wait. */
const WAIT_MS = 5_000;

/**
 * One look at a slot that waits for its object: its URL has ended, its time has come, or somebody hinted that the object is there. An
 * object that is there, however late, settles it. Expiry alone destroys nothing: the key goes only after its retention and on an empty
 * listing (invariant 3).
 */
export async function reconcile(services: Services, upload: Upload): Promise<void> {
  const finished = await finishSoon(services, upload);
  if (finished.kind === 'settled') return;
  const now = services.now();
  if (finished.kind === 'completing') {
    await dueAt(services, upload, now + MINUTE_MS);
    return;
  }
  if (finished.kind === 'hopeless' && upload.state === 'issued') {
    await giveUp(services, upload);
    return;
  }
  if (stateAt(upload, now) === 'issued') {
    await dueAt(services, upload, whileIssued(upload, now));
    return;
  }
  await abortUnfinished(services, upload, now);
  const { keySeconds, deleteMarginSeconds } = services.config.retention;
  const keptUntil =
    Math.max(upload.expiresAt, upload.urlEndsAt) + Math.max(keySeconds, deleteMarginSeconds) * 1000;
  if (upload.state === 'expired' && now >= keptUntil && (await isProvenAbsent(services, upload))) {
    await forget(services, upload);
    return;
  }
  await expire(services, upload, (patch, messages) =>
    dueAt(services, upload, whileExpired(upload, now, keptUntil), patch, messages),
  );
}

async function finishSoon(
  services: Services,
  upload: Upload,
): Promise<Finish | { readonly kind: 'completing' }> {
  try {
    return await services.longSteps.run(upload.id, WAIT_MS, () => finish(services, upload));
  } catch (error) {
    if (error instanceof StillCompleting) return { kind: 'completing' };
    throw error;
  }
}

/** There is no object and never will be one: no more requests are given for this slot. */
export async function giveUp(services: Services, upload: Upload): Promise<void> {
  const nextCheckAt = services.now() + MINUTE_MS;
  await expire(services, upload, (patch, messages) =>
    services.store.uploads.update(upload.id, ['issued'], { ...patch, nextCheckAt }, undefined, messages),
  );
}

async function expire(
  services: Services,
  upload: Upload,
  write: (patch: UploadPatch, messages: readonly OutboxMessage[]) => Promise<Upload | undefined>,
): Promise<void> {
  const patch = { state: 'expired' } as const;
  const isNews = upload.state === 'issued';
  const messages = isNews
    ? messagesOf(services.config, { ...upload, ...patch }, 'upload.expired', services.now())
    : [];
  const expired = await write(patch, messages);
  if (expired === undefined || !isNews) return;
  services.observer.slot('expired', expired);
  services.deliver();
}

/** Parts that came in time are kept as long as one may still be under way. */
async function abortUnfinished(services: Services, upload: Upload, now: number): Promise<void> {
  const { method, urlEndsAt, bucket, objectKey, target } = upload;
  if (method !== 'multipart' || now < urlEndsAt + services.config.retention.deleteMarginSeconds * 1000)
    return;
  const { objects } = targetOf(services, target);
  const { multipartUploadIds } = await objects.remains(bucket, objectKey);
  await objects.remove(bucket, objectKey, { versions: [], multipartUploadIds });
}

async function isProvenAbsent(services: Services, upload: Upload): Promise<boolean> {
  const remains = await targetOf(services, upload.target).objects.remains(upload.bucket, upload.objectKey);
  return remains.versions.length === 0 && remains.multipartUploadIds.length === 0;
}

/** After absence was proven. */
export async function forget(services: Services, upload: Upload): Promise<void> {
  const forgottenAt = services.now();
  const times = { forgottenAt, nextCheckAt: endedAt(services, forgottenAt) };
  if (await services.store.uploads.forget(upload.id, { urlEndsAt: upload.urlEndsAt }, times)) {
    services.observer.slot('forgotten', upload);
  }
}

/** When the URL that is out has ended; then ever more seldom, until the slot expires. */
function whileIssued({ urlEndsAt, expiresAt }: Upload, now: number): number {
  const next = now < urlEndsAt ? urlEndsAt : pauseAfter(urlEndsAt, now);
  return Math.min(next, expiresAt);
}

/** Soon after the end, then ever more seldom; never later than the moment the key may go. */
function whileExpired({ expiresAt }: Upload, now: number, keptUntil: number): number {
  // One that was given up early.
  if (now < expiresAt) return expiresAt;
  const next = pauseAfter(expiresAt, now);
  return now < keptUntil ? Math.min(next, keptUntil) : next;
}

function pauseAfter(end: number, now: number): number {
  return Math.round(now + Math.min(Math.max((now - end) / 2, MINUTE_MS), DAY_MS));
}
