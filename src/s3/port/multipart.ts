import type { CustomerKey } from '../../custody/customer-key.ts';
import type { ObjectHeaders } from '../port.ts';

export type ChecksumAlgorithm = 'CRC32C' | 'CRC64NVME';

/** One multipart upload of S3. */
export interface MultipartUpload {
  readonly bucket: string;
  readonly objectKey: string;
  /** S3's, opaque. */
  readonly uploadId: string;
}

/** A part as S3 lists it. */
export interface ListedPart {
  /** 1 to 10,000. */
  readonly partNumber: number;
  /** Bytes. */
  readonly size: number;
  readonly etag: string;
  /** base64; undefined where S3 holds none. */
  readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly value: string } | undefined;
}

/** How S3 answered CompleteMultipartUpload. Whether the object is there, and what it is, only a HEAD tells. */
export type Completion =
  | { readonly kind: 'done' }
  /** There is no such upload: completed before, or aborted (404 NoSuchUpload). */
  | { readonly kind: 'gone' }
  /** There is an object already (412). */
  | { readonly kind: 'exists' }
  /** Another write came between; S3 wants a new upload (409). */
  | { readonly kind: 'conflict' }
  /** S3 refuses what was sent: a part is not the one listed, or the checksum of the whole differs (400). */
  | { readonly kind: 'refused'; readonly code: string };

/** Multipart uploads whose parts clients send by presigned URLs. All throw DependencyUnavailable('s3') unless S3 says clearly. */
export interface MultipartUploads {
  /**
   * CreateMultipartUpload with the key's SSE-C headers.
   * @param checksum of the whole object (FULL_OBJECT), when one was announced.
   * @returns S3's id. Some servers do not name the key here: only a HEAD proves what the object is under. @throws DependencyUnavailable
   *   also when the answer names another key or cipher; that upload is aborted then.
   */
  begin(
    object: { bucket: string; objectKey: string },
    key: CustomerKey,
    headers: ObjectHeaders,
    checksum: ChecksumAlgorithm | undefined,
  ): Promise<string>;
  /** Every part, by number. @returns undefined when there is no such upload (404 NoSuchUpload). */
  parts(upload: MultipartUpload, key: CustomerKey): Promise<ListedPart[] | undefined>;
  /**
   * CompleteMultipartUpload with the SSE-C headers and `If-None-Match: *`. May take minutes.
   * @param checksum of the whole object, as announced.
   */
  complete(
    upload: MultipartUpload,
    key: CustomerKey,
    parts: readonly ListedPart[],
    checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string } | undefined,
  ): Promise<Completion>;
  /** Aborts until S3 lists no part of it, or no such upload: a part under way may land after the first abort. */
  abort(upload: MultipartUpload): Promise<void>;
}
