import {
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { isNotImplemented } from './sdk-error.ts';

// Proof of absence destroys a key, so these listings believe only pages that name their bucket (an empty 200, or a proxy's page,
// parses as an empty listing), and only to the end. They throw on all else.

/** A million versions of one object; a server that names ever new pages is not listened to for ever. */
const MOST_PAGES = 1_000;

/** A thousand million versions in a bucket. */
const MOST_PAGES_OF_A_BUCKET = 1_000_000;

interface Version {
  readonly versionId: string | null;
}

/** Every version and delete marker of exactly this object key. */
export async function listVersions(client: S3Client, Bucket: string, objectKey: string): Promise<Version[]> {
  try {
    return await listAllVersions(client, Bucket, objectKey);
  } catch (error) {
    if (!isNotImplemented(error)) throw error;
    return listObjects(client, Bucket, objectKey);
  }
}

async function listAllVersions(client: S3Client, bucket: string, objectKey: string): Promise<Version[]> {
  const found: Version[] = [];
  for await (const page of versionPages(client, bucket, objectKey, MOST_PAGES)) {
    for (const entry of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) {
      if (entry.Key === objectKey) found.push({ versionId: entry.VersionId ?? null });
    }
  }
  return found;
}

/** For servers without versions. */
async function listObjects(client: S3Client, bucket: string, objectKey: string): Promise<Version[]> {
  const found: Version[] = [];
  for await (const page of objectPages(client, bucket, objectKey, MOST_PAGES)) {
    if (page.Contents?.some((entry) => entry.Key === objectKey)) found.push({ versionId: null });
  }
  return found;
}

/** Pages of versions and delete markers whose object keys begin with `Prefix`. */
export async function* versionPages(
  client: S3Client,
  Bucket: string,
  Prefix: string,
  mostPages = MOST_PAGES_OF_A_BUCKET,
): AsyncGenerator<ListObjectVersionsCommandOutput> {
  const pages = pagesOf(
    (from): Promise<ListObjectVersionsCommandOutput> =>
      client.send(new ListObjectVersionsCommand({ Bucket, Prefix, ...from })),
    (page) => ({ KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker }),
    mostPages,
  );
  for await (const page of pages) {
    demandBucket(page.Name, Bucket);
    yield page;
  }
}

/** The same of a server without versions. */
export async function* objectPages(
  client: S3Client,
  Bucket: string,
  Prefix: string,
  mostPages = MOST_PAGES_OF_A_BUCKET,
): AsyncGenerator<ListObjectsV2CommandOutput> {
  const pages = pagesOf(
    (from): Promise<ListObjectsV2CommandOutput> =>
      client.send(new ListObjectsV2Command({ Bucket, Prefix, ...from })),
    (page) => ({ ContinuationToken: page.NextContinuationToken }),
    mostPages,
  );
  for await (const page of pages) {
    demandBucket(page.Name, Bucket);
    yield page;
  }
}

/** The ids of every unfinished multipart upload of exactly this object key. */
export async function listMultipartUploads(
  client: S3Client,
  Bucket: string,
  Prefix: string,
): Promise<string[]> {
  const found: string[] = [];
  const pages = pagesOf(
    (from): Promise<ListMultipartUploadsCommandOutput> =>
      client.send(new ListMultipartUploadsCommand({ Bucket, Prefix, ...from })),
    (page) => ({ KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }),
    MOST_PAGES,
  );
  for await (const page of pages) {
    demandBucket(page.Bucket, Bucket);
    for (const { Key, UploadId } of page.Uploads ?? []) {
      if (Key !== Prefix) continue;
      if (UploadId === undefined) throw new Error('an unfinished upload without an id');
      found.push(UploadId);
    }
  }
  return found;
}

function demandBucket(named: string | undefined, bucket: string): void {
  if (named !== bucket) throw new Error('the answer is not a listing of this bucket');
}

type Marker = Readonly<Record<string, string>>;

/** Page after page. One that says "more" without a way on ends in an error, not in half a listing or a loop. */
export async function* pagesOf<Page extends { IsTruncated?: boolean | undefined }>(
  ask: (from: Marker) => Promise<Page>,
  markerAfter: (page: Page) => Readonly<Record<string, string | undefined>>,
  mostPages: number,
): AsyncGenerator<Page> {
  let from: Marker = {};
  // A server that leads back to a page it gave before leads round and round.
  const been = new Set<string>();
  for (let count = 1; count <= mostPages; count += 1) {
    const page = await ask(from);
    yield page;
    if (page.IsTruncated !== true) return;
    const named = Object.entries(markerAfter(page)).filter(([, value]) => value !== undefined);
    const to = Object.fromEntries(named) as Marker;
    const marker = JSON.stringify(to);
    if (named.length === 0 || been.has(marker)) {
      throw new Error('the listing goes on, but its next page is not named');
    }
    been.add(marker);
    from = to;
  }
  throw new Error(`the listing has more than ${mostPages} pages`);
}
