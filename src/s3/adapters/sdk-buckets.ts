import { createHash } from 'node:crypto';
import {
  GetBucketVersioningCommand,
  type ListObjectVersionsCommandOutput,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { DependencyUnavailable } from '../../errors.ts';
import { ObjectRefused } from '../errors.ts';
import type { Buckets, ListedVersion } from '../port.ts';
import { bucketCors } from './bucket-cors.ts';
import type { ContentClients } from './content-clients.ts';
import { objectPages, versionPages } from './listings.ts';
import { getObject, readWhole } from './reading.ts';
import { isNotImplemented, sdkFailure } from './sdk-error.ts';

const LARGEST_SMALL = 64 * 1024;

export function sdkBuckets(clients: Pick<ContentClients, 'calls' | 'reading'>): Buckets {
  const { calls, reading } = clients;
  return {
    ...bucketCors(calls),
    async *versions(bucket, prefix = '') {
      try {
        yield* listedVersions(calls, bucket, prefix);
      } catch (error) {
        throw unavailable(error);
      }
    },
    async putSmall(bucket, objectKey, bytes, contentType) {
      if (bytes.length > LARGEST_SMALL) throw new RangeError(`more than ${LARGEST_SMALL} bytes`);
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: objectKey,
        Body: bytes,
        ContentType: contentType,
        ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
      });
      await calls.send(command).catch((error: unknown) => {
        throw unavailable(error);
      });
    },
    async getSmall(bucket, objectKey) {
      const input = { Bucket: bucket, Key: objectKey };
      const { signal } = new AbortController();
      try {
        const { body, size } = await getObject(reading, input, signal, LARGEST_SMALL);
        return await readWhole(body, size);
      } catch (error) {
        if (!(error instanceof ObjectRefused) || error.s3Code === 'NoSuchBucket') throw unavailable(error);
        if (error.s3Code === 'NoSuchKey') return undefined;
        throw error;
      }
    },
  };
}

const unavailable = (error: unknown): DependencyUnavailable =>
  error instanceof DependencyUnavailable
    ? error
    : new DependencyUnavailable('s3', error instanceof ObjectRefused ? error : sdkFailure(error));

async function* listedVersions(
  client: S3Client,
  bucket: string,
  prefix: string,
): AsyncGenerator<ListedVersion> {
  const pages = versionPages(client, bucket, prefix);
  let first: IteratorResult<ListObjectVersionsCommandOutput, unknown>;
  try {
    first = await pages.next();
  } catch (error) {
    if (!isNotImplemented(error)) throw error;
    yield* listedObjects(client, bucket, prefix);
    return;
  }
  const versioned = await saysVersioned(client, bucket);
  for (let page = first; page.done !== true; page = await pages.next())
    yield* entriesOf(page.value, versioned);
}

/** S3 lists versions and delete markers interleaved; the SDK takes them apart. */
function entriesOf(page: ListObjectVersionsCommandOutput, versioned: boolean): ListedVersion[] {
  const versions = (page.Versions ?? []).map((entry) => ({ ...entry, isDeleteMarker: false }));
  const markers = (page.DeleteMarkers ?? []).map((entry) => ({ ...entry, isDeleteMarker: true, Size: 0 }));
  return [...versions, ...markers]
    .map((entry): ListedVersion => {
      const isLatest = entry.IsLatest === true;
      // What was written before the bucket had versions is a version named "null"; so is everything where there are none.
      const onlyOne = entry.VersionId === undefined || (entry.VersionId === 'null' && isLatest && !versioned);
      return {
        objectKey: named(entry.Key),
        versionId: onlyOne ? null : (entry.VersionId ?? null),
        isLatest,
        isDeleteMarker: entry.isDeleteMarker,
        size: entry.Size ?? 0,
        modifiedAt: entry.LastModified?.getTime() ?? 0,
      };
    })
    .toSorted(
      (a, b) =>
        Buffer.compare(Buffer.from(a.objectKey), Buffer.from(b.objectKey)) ||
        Number(b.isLatest) - Number(a.isLatest) ||
        b.modifiedAt - a.modifiedAt,
    );
}

async function* listedObjects(
  client: S3Client,
  bucket: string,
  prefix: string,
): AsyncGenerator<ListedVersion> {
  for await (const page of objectPages(client, bucket, prefix)) {
    for (const { Key, Size, LastModified } of page.Contents ?? []) {
      yield {
        objectKey: named(Key),
        versionId: null,
        isLatest: true,
        isDeleteMarker: false,
        size: Size ?? 0,
        modifiedAt: LastModified?.getTime() ?? 0,
      };
    }
  }
}

function named(objectKey: string | undefined): string {
  if (objectKey === undefined) throw new Error('a version without an object key');
  return objectKey;
}

/** Without the right to ask, "null" is believed to mean that there are no versions: as the newest it is the same object. */
async function saysVersioned(client: S3Client, bucket: string): Promise<boolean> {
  try {
    const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }));
    return Status !== undefined;
  } catch (error) {
    if (sdkFailure(error).status === undefined) throw error;
    return false;
  }
}
