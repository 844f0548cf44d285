import { DependencyUnavailable, NotArrived, RestartNeeded, StateConflict } from '../errors.ts';
import { finish, requireUploaded } from './finish.ts';
import { giveUp } from './reconcile.ts';
import type { Services } from './services.ts';
import type { Upload } from './upload.ts';

/** Proxies and clients wait for an answer about so long. */
const WAIT_MS = 20_000;

/** As many as one call for requests of parts takes. */
const MOST_MISSING = 100;

/** "Did it arrive?" Repeatable: an `uploaded` slot answers from the record, a `rejected` one says again what differs. */
export async function completeUpload(services: Services, upload: Upload): Promise<Upload> {
  if (upload.state === 'uploaded') return upload;
  if (upload.state === 'rejected' && upload.mismatches !== null) return requireUploaded(upload);
  if (upload.forgottenAt !== null) {
    throw new StateConflict('Nothing arrived in time and the key is destroyed; ask for a new upload.', {
      extra: { state: upload.state },
    });
  }
  const finished = await services.longSteps.run(upload.id, WAIT_MS, () => finish(services, upload));
  switch (finished.kind) {
    case 'settled':
      return requireUploaded(finished.upload);
    case 'unknown':
      throw new DependencyUnavailable(
        's3',
        undefined,
        `S3 answered ${finished.status} (${finished.code}), which says neither that the object is there nor that it is not. ` +
          'A missing object answers 403 without s3:ListBucket, and so does everything when the credentials are wrong.',
      );
    case 'absent':
      throw new NotArrived('S3 has no such object yet: send the request first, then ask again.', {
        retryAfterSeconds: 2,
      });
    case 'incomplete':
      throw new NotArrived('Not all parts are there: send those that are missing, then ask again.', {
        retryAfterSeconds: 2,
        extra: {
          missingParts: finished.missing.slice(0, MOST_MISSING),
          missingCount: finished.missing.length,
        },
      });
    case 'hopeless':
      await giveUp(services, upload);
      throw new RestartNeeded(`${finished.why}: ask for a new upload.`);
  }
}
