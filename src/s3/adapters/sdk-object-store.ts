import { DeleteObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { CustomerKey } from '../../custody/customer-key.ts';
import { DependencyUnavailable } from '../../errors.ts';
import type { ClockSkew } from '../clock-skew.ts';
import type { HeadResult, ObjectRemains, ObjectStore, ObjectVersion } from '../port.ts';
import { listMultipartUploads, listVersions } from './listings.ts';
import { abortUntilEmpty, PartsLeft } from './multipart-uploads.ts';
import { objectFacts } from './object-facts.ts';
import { sseParameters, versionParameters } from './parameters.ts';
import { sdkFailure } from './sdk-error.ts';

/** Removing what is already gone is done. */
const ALREADY_GONE = new Set(['NoSuchKey', 'NoSuchVersion', 'NoSuchUpload']);

export function sdkObjectStore(client: S3Client, skew: ClockSkew): ObjectStore {
  return {
    head: (bucket, objectKey, key, versionId) =>
      head(client, { bucket, objectKey, versionId: versionId ?? null }, key),
    async remains(bucket, objectKey) {
      try {
        const [versions, multipartUploadIds] = await Promise.all([
          listVersions(client, bucket, objectKey),
          listMultipartUploads(client, bucket, objectKey),
        ]);
        return { versions, multipartUploadIds };
      } catch (error) {
        throw new DependencyUnavailable('s3', sdkFailure(error));
      }
    },
    remove: (bucket, objectKey, remains) => remove(client, bucket, objectKey, remains),
    skewMs: () => skew.milliseconds,
  };
}

async function head(
  client: S3Client,
  version: ObjectVersion,
  key: CustomerKey | undefined,
): Promise<HeadResult> {
  try {
    const answer = await client.send(
      new HeadObjectCommand({
        ...versionParameters(version),
        ChecksumMode: 'ENABLED',
        ...(key && sseParameters(key)),
      }),
    );
    const object = objectFacts(answer);
    return object ? { kind: 'found', object } : { kind: 'unknown', status: 200, code: 'IncompleteAnswer' };
  } catch (error) {
    const failure = sdkFailure(error);
    const { status, code } = failure;
    if (status === undefined) throw new DependencyUnavailable('s3', failure);
    return status === 404 ? { kind: 'absent' } : { kind: 'unknown', status, code };
  }
}

/** Goes on after a refusal (one locked version must not keep the others), and stops when S3 does not answer at all. */
async function remove(
  client: S3Client,
  bucket: string,
  objectKey: string,
  { versions, multipartUploadIds }: ObjectRemains,
): Promise<void> {
  const place = { Bucket: bucket, Key: objectKey };
  const steps: (() => Promise<unknown>)[] = [
    // Unfinished uploads first: one that completes meanwhile would become a version that nobody listed.
    ...multipartUploadIds.map((uploadId) => () => abortUntilEmpty(client, { bucket, objectKey, uploadId })),
    ...versions.map(
      ({ versionId }) =>
        () =>
          client.send(
            new DeleteObjectCommand({ ...place, ...(versionId !== null && { VersionId: versionId }) }),
          ),
    ),
  ];
  let refused: Error | undefined;
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      const failure = sdkFailure(error);
      if (ALREADY_GONE.has(failure.code)) continue;
      const answers = failure.status !== undefined || error instanceof PartsLeft;
      if (!answers) throw new DependencyUnavailable('s3', failure);
      refused ??= failure;
    }
  }
  if (refused) throw new DependencyUnavailable('s3', refused);
}
