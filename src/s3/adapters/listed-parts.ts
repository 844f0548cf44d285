import { ListPartsCommand, type ListPartsCommandOutput, type Part, type S3Client } from '@aws-sdk/client-s3';
import type { CustomerKey } from '../../custody/customer-key.ts';
import type { ListedPart, MultipartUpload } from '../port.ts';
import { pagesOf } from './listings.ts';
import { sseParameters, uploadParameters } from './parameters.ts';
import { sdkFailure } from './sdk-error.ts';

/** 10,000 parts are ten pages of AWS. More are of a server that lists what was overwritten. */
const MOST_PAGES = 100;

/**
 * Every part, one of each number, by number.
 * @returns undefined when there is no such upload.
 * @throws as `allParts`.
 */
export async function listParts(
  client: S3Client,
  upload: MultipartUpload,
  key: CustomerKey,
): Promise<ListedPart[] | undefined> {
  const found = await allParts(client, upload, key);
  return found && newestOfEach(found);
}

/** A part, and when it came in milliseconds since the epoch. */
interface Dated {
  readonly part: ListedPart;
  readonly modifiedAt: number;
}

/**
 * All that S3 lists, from pages that name this upload and only to the end.
 * @param key AWS wants it of an upload with a checksum; MinIO and SeaweedFS do not look at it.
 * @returns undefined when there is no such upload.
 * @throws what the SDK throws, and an error when the answer is not such a list.
 */
export async function allParts(
  client: S3Client,
  upload: MultipartUpload,
  key: CustomerKey | undefined,
): Promise<readonly Dated[] | undefined> {
  const input = { ...uploadParameters(upload), ...(key && sseParameters(key)) };
  const pages = pagesOf(
    (from): Promise<ListPartsCommandOutput> => client.send(new ListPartsCommand({ ...input, ...from })),
    (page) => ({ PartNumberMarker: page.NextPartNumberMarker }),
    MOST_PAGES,
  );
  const found: Dated[] = [];
  try {
    for await (const page of pages) {
      if (page.Bucket !== upload.bucket || page.UploadId !== upload.uploadId) {
        throw new Error('the answer is not a listing of this upload');
      }
      found.push(...(page.Parts ?? []).map(datedPart));
    }
  } catch (error) {
    if (sdkFailure(error).code === 'NoSuchUpload') return undefined;
    throw error;
  }
  return found;
}

function datedPart(listed: Part): Dated {
  const { PartNumber: partNumber, Size: size, ETag: etag, LastModified } = listed;
  if (partNumber === undefined || size === undefined || etag === undefined) {
    throw new Error('a part without its number, size or ETag');
  }
  const checksum = checksumOf(listed);
  return {
    part: { partNumber, size, etag, ...(checksum && { checksum }) },
    modifiedAt: LastModified?.getTime() ?? 0,
  };
}

function checksumOf(listed: Part): ListedPart['checksum'] {
  const { ChecksumCRC32C: crc32c, ChecksumCRC64NVME: crc64nvme } = listed;
  if (crc64nvme !== undefined) return { algorithm: 'CRC64NVME', value: crc64nvme };
  return crc32c === undefined ? undefined : { algorithm: 'CRC32C', value: crc32c };
}

/**
 * SeaweedFS also lists the parts that were overwritten, with times in whole seconds. Where two of a second differ, it does not say which
 * one counts, and neither is listed here: to whoever resumes, the part is still to be sent.
 */
function newestOfEach(found: readonly Dated[]): ListedPart[] {
  const byNumber = Map.groupBy(found, ({ part }) => part.partNumber);
  return [...byNumber.values()]
    .flatMap((same) => {
      const newest = Math.max(...same.map(({ modifiedAt }) => modifiedAt));
      const [first, ...others] = same.filter(({ modifiedAt }) => modifiedAt === newest);
      return first === undefined || others.some(({ part }) => part.etag !== first.part.etag)
        ? []
        : first.part;
    })
    .toSorted((a, b) => a.partNumber - b.partNumber);
}
