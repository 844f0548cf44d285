import { StateConflict } from '../errors.ts';
import { renewStaleCopy } from './recovery.ts';
import type { Services } from './services.ts';
import type { Upload } from './upload.ts';
import type { Arrival } from './verify.ts';

/** Records that the object arrived, on time or late: `uploaded`, or `rejected` where it differs from what was announced. */
export async function settle(
  services: Services,
  upload: Upload,
  arrival: Extract<Arrival, { kind: 'arrived' }>,
): Promise<Upload> {
  const state = arrival.mismatches.length === 0 ? 'uploaded' : 'rejected';
  const settled = await services.store.uploads.update(upload.id, ['issued', 'expired'], {
    state,
    uploadedAt: services.now(),
    etag: arrival.object.etag,
    versionId: arrival.object.versionId,
    nextCheckAt: null,
  });
  if (settled !== undefined) {
    services.observer.slot(state, settled);
    if (state === 'uploaded') await renewStaleCopy(services, settled);
    return settled;
  }
  // Another caller settled it first, by the same facts; anything else is a lost race with DELETE.
  const now = await services.store.uploads.get(upload.tenant, upload.id);
  if (now?.state === state) return now;
  throw new StateConflict('The upload changed while it was verified; get it again to see its state.');
}
