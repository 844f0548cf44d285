import { StateConflict, type Mismatch } from '../errors.ts';
import { messagesOf } from '../events/message.ts';
import type { UploadPatch } from '../store/port.ts';
import { renewStaleCopy } from './recovery.ts';
import { tenantOf, type Services } from './services.ts';
import type { Upload } from './upload.ts';
import type { Arrival } from './verify.ts';

/** Records that the object arrived, on time or late: `uploaded`, or `rejected` where it differs from what was announced. */
export async function settle(
  services: Services,
  upload: Upload,
  { object, mismatches }: Extract<Arrival, { kind: 'arrived' }>,
): Promise<Upload> {
  const { etag, versionId } = object;
  if (mismatches.length > 0) return reject(services, upload, mismatches, { etag, versionId });
  const settled = await end(services, upload, 'uploaded', { etag, versionId, nextCheckAt: null });
  if (settled.isNews) await renewStaleCopy(services, settled.upload);
  return settled.upload;
}

/** What came is not what was announced. By policy it is removed, and looked at until nothing can come any more. */
export async function reject(
  services: Services,
  upload: Upload,
  mismatches: readonly Mismatch[],
  object: Pick<UploadPatch, 'etag' | 'versionId'> = {},
): Promise<Upload> {
  const isRemoved = tenantOf(services, upload.tenant).rejected === 'remove';
  const nextCheckAt = isRemoved ? services.now() : null;
  const rejected = await end(services, upload, 'rejected', { ...object, mismatches, nextCheckAt });
  if (rejected.isNews && isRemoved) services.lookAt(rejected.upload);
  return rejected.upload;
}

async function end(
  services: Services,
  upload: Upload,
  state: 'uploaded' | 'rejected',
  facts: UploadPatch,
): Promise<{ upload: Upload; isNews: boolean }> {
  const { store, observer, config } = services;
  // A slot that was rejected before what differs was kept is not rejected anew.
  if (upload.state === 'rejected') return { upload: { ...upload, ...facts, state }, isNews: false };
  const now = services.now();
  const patch = { ...facts, state, uploadedAt: now };
  const messages = messagesOf(config, { ...upload, ...patch }, `upload.${state}`, now);
  const settled = await store.uploads.update(upload.id, ['issued', 'expired'], patch, undefined, messages);
  if (settled !== undefined) {
    observer.slot(state, settled);
    services.deliver();
    return { upload: settled, isNews: true };
  }
  // Another caller settled it first, by the same facts; anything else is a lost race with DELETE.
  const there = await store.uploads.get(upload.tenant, upload.id);
  if (there?.state === state) return { upload: there, isNews: false };
  throw new StateConflict('The upload changed while it was verified; get it again to see its state.');
}
