import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { ObjectFacts } from '../port.ts';

/** @returns undefined when S3 did not even say the size: such an answer decides nothing. */
export function objectFacts(answer: HeadObjectCommandOutput): ObjectFacts | undefined {
  if (answer.ContentLength === undefined) return undefined;
  return {
    size: answer.ContentLength,
    contentType: answer.ContentType ?? null,
    etag: answer.ETag ?? null,
    versionId: answer.VersionId ?? null,
    sseCustomerAlgorithm: onceSaid(answer.SSECustomerAlgorithm),
    sseCustomerKeyMd5: onceSaid(answer.SSECustomerKeyMD5),
    sha256: wholeChecksum(answer, answer.ChecksumSHA256),
    crc32c: wholeChecksum(answer, answer.ChecksumCRC32C),
    crc64nvme: wholeChecksum(answer, answer.ChecksumCRC64NVME),
    metadata: answer.Metadata ?? {},
    contentEncoding: answer.ContentEncoding ?? null,
    contentDisposition: answer.ContentDisposition ?? null,
    contentLanguage: answer.ContentLanguage ?? null,
    cacheControl: answer.CacheControl ?? null,
    expires: answer.ExpiresString ?? null,
    websiteRedirect: answer.WebsiteRedirectLocation ?? null,
    storageClass: answer.StorageClass ?? null,
    tagCount: answer.TagCount ?? 0,
  };
}

/** A multipart upload's checksum may be one of its parts' checksums (COMPOSITE, `…-3`), never the file's. */
function wholeChecksum(
  { ChecksumType: type }: HeadObjectCommandOutput,
  value: string | undefined,
): string | null {
  return value === undefined || type === 'COMPOSITE' || value.includes('-') ? null : value;
}

/** SeaweedFS 4.48 sends the key's MD5 in two header lines, which Node joins. Two that differ stay joined, and match nothing. */
export function onceSaid(value: string | undefined): string | null {
  if (value === undefined) return null;
  const [first, ...others] = value.split(', ');
  return first !== undefined && others.every((other) => other === first) ? first : value;
}
