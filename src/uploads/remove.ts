import type { Principal } from '../access/principal.ts';
import { InsufficientScope, StateConflict } from '../errors.ts';
import { findUpload } from './find.ts';
import { targetOf, type Services } from './services.ts';
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

/**
 * One step of the removal (invariant 3). Removes whatever is there now. Only after the last upload URL has ended, and the margin with
 * it, does an empty listing prove absence; then the key goes and a tombstone stays. Until then a late PUT may still land.
 */
export async function sweep(services: Services, upload: Upload): Promise<void> {
  const { objects } = targetOf(services, upload.target);
  const remains = await objects.remains(upload.bucket, upload.objectKey);
  await objects.remove(upload.bucket, upload.objectKey, remains);

  const now = services.now();
  const provableAt = upload.urlEndsAt + services.config.retention.deleteMarginSeconds * 1000;
  if (now < provableAt) {
    const nextCheckAt = now < upload.urlEndsAt ? upload.urlEndsAt : provableAt;
    await services.store.uploads.update(upload.id, ['deleting'], { nextCheckAt });
    return;
  }
  const left = await objects.remains(upload.bucket, upload.objectKey);
  if (left.versions.length > 0 || left.multipartUploadIds.length > 0) {
    await services.store.uploads.update(upload.id, ['deleting'], { nextCheckAt: now + 1000 });
    return;
  }
  if (await services.store.uploads.bury(upload.id, { urlEndsAt: upload.urlEndsAt }, now)) {
    services.observer.slot('deleted', upload);
  }
}
