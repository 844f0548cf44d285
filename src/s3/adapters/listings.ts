import {
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { sdkFailure } from './sdk-error.ts';

// Proof of absence destroys a key, so these listings believe only pages that name their bucket (an empty 200, or a proxy's page,
// parses as an empty listing), and only to the end. They throw on all else.

/** A million versions of one object; a server that names ever new pages is not listened to for ever. */
const MOST_PAGES = 1_000;

interface Version {
  readonly versionId: string | null;
}

/** Every version and delete marker of exactly this object key. */
export async function listVersions(client: S3Client, Bucket: string, objectKey: string): Promise<Version[]> {
  try {
    return await listAllVersions(client, Bucket, objectKey);
  } catch (error) {
    const { status, code } = sdkFailure(error);
    if (status !== 501 && code !== 'NotImplemented') throw error;
    return listObjects(client, Bucket, objectKey);
  }
}

async function listAllVersions(client: S3Client, Bucket: string, Prefix: string): Promise<Version[]> {
  const found: Version[] = [];
  let marker: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
  for (let pages = 1; marker; pages += 1) {
    demandEnd(pages);
    const page: ListObjectVersionsCommandOutput = await client.send(
      new ListObjectVersionsCommand({ Bucket, Prefix, ...marker }),
    );
    demandBucket(page.Name, Bucket);
    for (const entry of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) {
      if (entry.Key === Prefix) found.push({ versionId: entry.VersionId ?? null });
    }
    marker = next(page.IsTruncated, marker, {
      ...(page.NextKeyMarker !== undefined && { KeyMarker: page.NextKeyMarker }),
      ...(page.NextVersionIdMarker !== undefined && { VersionIdMarker: page.NextVersionIdMarker }),
    });
  }
  return found;
}

/** For servers without versions. */
async function listObjects(client: S3Client, Bucket: string, Prefix: string): Promise<Version[]> {
  const found: Version[] = [];
  let marker: { ContinuationToken?: string } | undefined = {};
  for (let pages = 1; marker; pages += 1) {
    demandEnd(pages);
    const page: ListObjectsV2CommandOutput = await client.send(
      new ListObjectsV2Command({ Bucket, Prefix, ...marker }),
    );
    demandBucket(page.Name, Bucket);
    if (page.Contents?.some((entry) => entry.Key === Prefix)) found.push({ versionId: null });
    marker = next(page.IsTruncated, marker, {
      ...(page.NextContinuationToken !== undefined && { ContinuationToken: page.NextContinuationToken }),
    });
  }
  return found;
}

/** The ids of every unfinished multipart upload of exactly this object key. */
export async function listMultipartUploads(
  client: S3Client,
  Bucket: string,
  Prefix: string,
): Promise<string[]> {
  const found: string[] = [];
  let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  for (let pages = 1; marker; pages += 1) {
    demandEnd(pages);
    const page: ListMultipartUploadsCommandOutput = await client.send(
      new ListMultipartUploadsCommand({ Bucket, Prefix, ...marker }),
    );
    demandBucket(page.Bucket, Bucket);
    for (const { Key, UploadId } of page.Uploads ?? []) {
      if (Key !== Prefix) continue;
      if (UploadId === undefined) throw new Error('an unfinished upload without an id');
      found.push(UploadId);
    }
    marker = next(page.IsTruncated, marker, {
      ...(page.NextKeyMarker !== undefined && { KeyMarker: page.NextKeyMarker }),
      ...(page.NextUploadIdMarker !== undefined && { UploadIdMarker: page.NextUploadIdMarker }),
    });
  }
  return found;
}

function demandEnd(pages: number): void {
  if (pages > MOST_PAGES) throw new Error(`the listing has more than ${MOST_PAGES} pages`);
}

function demandBucket(named: string | undefined, bucket: string): void {
  if (named !== bucket) throw new Error('the answer is not a listing of this bucket');
}

/** @returns undefined at the end. A page that says "more" without a way on ends in an error, not in half a listing or a loop. */
function next<Marker extends object>(
  more: boolean | undefined,
  from: Marker,
  to: Marker,
): Marker | undefined {
  if (more !== true) return undefined;
  if (Object.keys(to).length === 0 || JSON.stringify(to) === JSON.stringify(from)) {
    throw new Error('the listing goes on, but its next page is not named');
  }
  return to;
}
