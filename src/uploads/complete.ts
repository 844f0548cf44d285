import { DependencyUnavailable, NotArrived, StateConflict, UploadMismatch } from '../errors.ts';
import { customerKeyOf } from './customer-key-of.ts';
import type { Services } from './services.ts';
import { settle } from './settle.ts';
import { isForgotten, type Upload } from './upload.ts';
import { askS3 } from './verify.ts';

/** "Did it arrive?" Repeatable: an `uploaded` slot answers from the record, a `rejected` one says again what differs. */
export async function completeUpload(services: Services, upload: Upload): Promise<Upload> {
  if (upload.state === 'uploaded') return upload;
  if (isForgotten(upload)) {
    throw new StateConflict('Nothing arrived in time and the key is destroyed; ask for a new upload.', {
      extra: { state: upload.state },
    });
  }
  const arrival = await askS3(services, upload, await customerKeyOf(services, upload));
  if (arrival.kind === 'unknown') {
    throw new DependencyUnavailable(
      's3',
      undefined,
      `S3 answered ${arrival.status} (${arrival.code}), which says neither that the object is there nor that it is not. ` +
        'A missing object answers 403 without s3:ListBucket, and so does everything when the credentials are wrong.',
    );
  }
  if (arrival.kind === 'absent') {
    throw new NotArrived('S3 has no such object yet: send the request first, then ask again.', {
      retryAfterSeconds: 2,
    });
  }
  const settled = upload.state === 'rejected' ? upload : await settle(services, upload, arrival);
  if (settled.state === 'rejected') throw new UploadMismatch(arrival.mismatches);
  return settled;
}
