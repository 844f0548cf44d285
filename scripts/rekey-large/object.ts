import { createHash, randomBytes, randomInt } from 'node:crypto';
import { Agent } from 'node:https';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListPartsCommand,
  S3Client,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import type { S3Server } from '../../test/support/s3-server.ts';

const PART_BYTES = 64 * 1024 * 1024;
const MARKS = 8;
const MARK_BYTES = 32;

export interface LargeObject {
  readonly bucket: string;
  readonly objectKey: string;
  readonly key: Uint8Array;
  /** base64. */
  readonly sha256: string;
}

export function clientOf(s3: S3Server): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  return new S3Client({
    ...{ endpoint, region, forcePathStyle: true },
    credentials: { accessKeyId, secretAccessKey },
    requestHandler: { httpsAgent: new Agent({ ca: s3.caPem, keepAlive: true }) },
  });
}

/** Puts an object of its own making by parts, under a key of its own. */
export async function putLarge(
  client: S3Client,
  place: { readonly bucket: string; readonly objectKey: string },
  size: number,
  stop: AbortSignal,
): Promise<LargeObject> {
  const key = randomBytes(32);
  const target = { Bucket: place.bucket, Key: place.objectKey };
  const sse = {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
  };
  const begun = await client.send(new CreateMultipartUploadCommand({ ...target, ...sse }));
  const part = { ...target, ...sse, UploadId: begun.UploadId };
  const hash = createHash('sha256');
  const parts: CompletedPart[] = [];
  for (let at = 0; at < size; at += PART_BYTES) {
    stop.throwIfAborted();
    const bytes = marked(Math.min(PART_BYTES, size - at));
    hash.update(bytes);
    const PartNumber = parts.length + 1;
    const { ETag } = await client.send(new UploadPartCommand({ ...part, PartNumber, Body: bytes }));
    parts.push({ PartNumber, ETag });
  }
  await client.send(new CompleteMultipartUploadCommand({ ...part, MultipartUpload: { Parts: parts } }));
  return { ...place, key, sha256: hash.digest('base64') };
}

/** Zeros but for a few marks: made at once, and no part is as another. */
function marked(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let marks = 0; marks < MARKS; marks += 1)
    bytes.set(randomBytes(MARK_BYTES).subarray(0, size), at(size));
  return bytes;
}

const at = (size: number): number => (size <= MARK_BYTES ? 0 : randomInt(size - MARK_BYTES));

/** How many parts of its unfinished upload S3 has by now. */
export async function partsWritten(
  client: S3Client,
  { bucket, objectKey }: LargeObject,
  uploadId: string,
): Promise<number> {
  const asked = new ListPartsCommand({ Bucket: bucket, Key: objectKey, UploadId: uploadId });
  // It may have ended since it was listed.
  const { Parts = [] } = await client.send(asked).catch(() => ({ Parts: [] }));
  return Parts.length;
}
