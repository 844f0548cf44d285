import type { Principal } from '../access/principal.ts';
import { InsufficientScope, StateConflict } from '../errors.ts';
import { messagesOf } from '../events/message.ts';
import { findUpload } from './find.ts';
import { dueAt } from './lease.ts';
import { forget } from './reconcile.ts';
import { endedAt, targetOf, type Services } from './services.ts';
import { stateAt, type Upload, type UploadState } from './upload.ts';

/** DELETE commits `deleting` and leaves the removal to the job, which begins at once. Repeatable until and after it is proven. */
export async function removeUpload(services: Services, principal: Principal, id: string): Promise<Upload> {
  const upload = await findUpload(services, principal, id);
  const removable = removableStates(services, principal, upload);
  if (upload.state === 'deleting' || upload.state === 'deleted') return upload;
  const now = services.now();
  const deleting = await services.store.uploads.update(id, removable, {
    state: 'deleting',
    deletingAt: now,
    nextCheckAt: now,
  });
  if (deleting === undefined) throw new StateConflict('The upload changed meanwhile; send the DELETE again.');
  services.observer.slot('deleting', deleting);
  services.lookAt(deleting);
  return deleting;
}

/** `objects:delete` may remove any slot of the tenant; its maker may take back one that is still `issued`, and no longer. */
function removableStates(services: Services, principal: Principal, upload: Upload): readonly UploadState[] {
  if (principal.scopes.has('objects:delete')) return ['issued', 'uploaded', 'rejected', 'expired'];
  const isMakers = upload.principal === principal.id && stateAt(upload, services.now()) === 'issued';
  if (!isMakers) throw new InsufficientScope('objects:delete');
  return ['issued'];
}

/** One step of the removal (invariant 3): once absence is proven the key goes, and a tombstone stays. */
export async function sweep(services: Services, upload: Upload): Promise<void> {
  await removeAll(services, upload);
  const next = await nextLook(services, upload);
  if (next !== 'absent') {
    await dueAt(services, upload, next);
    return;
  }
  const { uploads } = services.store;
  const deletedAt = services.now();
  const times = { deletedAt, nextCheckAt: endedAt(services, deletedAt) };
  const deleted = { ...upload, state: 'deleted', deletedAt } as const;
  const messages = messagesOf(services.config, deleted, 'upload.deleted', deletedAt);
  if (await uploads.bury(upload.id, { urlEndsAt: upload.urlEndsAt }, times, messages)) {
    services.observer.slot('deleted', upload);
    services.deliver();
  }
}

/** The same of a rejected object that the policy does not keep. The slot stays, and says what differed. */
export async function discard(services: Services, upload: Upload): Promise<void> {
  const { uploads } = services.store;
  const hasRemoved = await removeAll(services, upload);
  const next = await nextLook(services, upload);
  const nextCheckAt = next === 'absent' ? services.now() : next;
  // The slot must not name a version that is gone.
  const gone = hasRemoved ? { etag: null, versionId: null } : {};
  const kept = await uploads.update(upload.id, ['rejected'], { ...gone, nextCheckAt });
  if (hasRemoved && kept !== undefined) services.observer.slot('discarded', kept);
  if (next === 'absent') await forget(services, upload);
}

/** Removes whatever is there now; returns whether there was an object. */
async function removeAll(services: Services, upload: Upload): Promise<boolean> {
  const { objects } = targetOf(services, upload.target);
  const remains = await objects.remains(upload.bucket, upload.objectKey);
  await objects.remove(upload.bucket, upload.objectKey, remains);
  return remains.versions.length > 0;
}

/**
 * Only after the last upload URL has ended, and the margin with it, does an empty listing prove absence: until then a late PUT may still
 * land.
 * @returns when to look again.
 */
async function nextLook(services: Services, upload: Upload): Promise<number | 'absent'> {
  const { objects } = targetOf(services, upload.target);

  const now = services.now();
  const provableAt = upload.urlEndsAt + services.config.retention.deleteMarginSeconds * 1000;
  if (now < provableAt) return now < upload.urlEndsAt ? upload.urlEndsAt : provableAt;
  const left = await objects.remains(upload.bucket, upload.objectKey);
  return left.versions.length > 0 || left.multipartUploadIds.length > 0 ? now + 1000 : 'absent';
}
