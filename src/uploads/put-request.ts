import type { CustomerKey } from '../custody/customer-key.ts';
import { encodeRfc3986 } from '../s3/object-url.ts';
import type { UrlWindow } from '../s3/port.ts';
import type { Upload } from './upload.ts';

export interface PutRequest {
  readonly method: 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * The presigned PUT and the headers the client must send. All that S3 lets us bind is signed (invariant 5): the length, the type, the
 * three SSE-C headers, `if-none-match: *` so that a second PUT gets 412, the checksum, the metadata and the tags.
 * @param tags names and values as they are; see `tagsOf`.
 */
export function putRequest(
  window: UrlWindow,
  upload: Upload,
  key: CustomerKey,
  tags: Readonly<Record<string, string>>,
): PutRequest {
  const headers = clientHeaders(upload, key, tags);
  const url = window.sign({
    method: 'PUT',
    bucket: upload.bucket,
    objectKey: upload.objectKey,
    headers: { ...headers, 'content-length': String(upload.size) },
  });
  return { method: 'PUT', url, headers, expiresAt: window.expiresAt };
}

/** `host` and `content-length` are not among them: an HTTP stack sets those itself, and a browser forbids setting them. */
export function clientHeaders(
  upload: Pick<Upload, 'contentType' | 'metadata'> & AnnouncedChecksums,
  key: CustomerKey,
  tags: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    'content-type': upload.contentType,
    'if-none-match': '*',
    ...key.headers(),
    ...checksumHeaders(upload),
    ...(Object.keys(tags).length > 0 && { 'x-amz-tagging': asQuery(tags) }),
    ...metadataHeaders(upload.metadata),
  };
}

type AnnouncedChecksums = Partial<Pick<Upload, 'sha256' | 'crc32c' | 'crc64nvme'>>;

/** S3 compares the body with what these say. */
export function checksumHeaders({ sha256, crc32c, crc64nvme }: AnnouncedChecksums): Record<string, string> {
  return {
    ...(sha256 != null && { 'x-amz-checksum-sha256': sha256 }),
    ...(crc32c != null && { 'x-amz-checksum-crc32c': crc32c }),
    ...(crc64nvme != null && { 'x-amz-checksum-crc64nvme': crc64nvme }),
  };
}

export function metadataHeaders(metadata: Upload['metadata']): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]));
}

function asQuery(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map(([name, value]) => `${encodeRfc3986(name)}=${encodeRfc3986(value)}`)
    .join('&');
}
