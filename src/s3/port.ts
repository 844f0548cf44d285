import type { CustomerKey } from '../custody/customer-key.ts';
import type { CredentialProvider } from './credentials.ts';
import type { MultipartUploads } from './port/multipart.ts';

export * from './port/multipart.ts';

/** One S3 target: where objects lie and how URLs for it are signed. */
export interface S3Target {
  readonly objects: ObjectStore;
  readonly content: ObjectContent;
  readonly multipart: MultipartUploads;
  readonly tags: ObjectTags;
  readonly buckets: Buckets;
  /** Signs with `credentials`: all that is no upload. */
  readonly presigner: Presigner;
  /**
   * Signs what clients upload by: PUTs, parts and forms. Its credentials should have no right to read: a server that takes headers nobody
   * signed makes a copy of a PUT with `x-amz-copy-source`, of whatever they may read. The same object as `presigner` where no others are set.
   */
  readonly uploadPresigner: Presigner;
  /** What the service's own calls are signed with, and all URLs but those of `uploadPresigner`. */
  readonly credentials: CredentialProvider;
  /** Closes pooled connections. */
  close(): void;
}

/** What S3 says of an object when asked with its key. Anything but a clear yes or no is `unknown`, and unknown decides nothing. */
export type HeadResult =
  | { readonly kind: 'found'; readonly object: ObjectFacts }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly status: number; readonly code: string };

export interface ObjectFacts {
  /** Bytes. */
  readonly size: number;
  readonly contentType: string | null;
  readonly etag: string | null;
  readonly versionId: string | null;
  /** `AES256` under SSE-C; null when S3 did not say so. */
  readonly sseCustomerAlgorithm: string | null;
  /** base64 MD5 of the key that S3 used. */
  readonly sseCustomerKeyMd5: string | null;
  /** base64; null when S3 holds none, or one of the COMPOSITE kind. */
  readonly sha256: string | null;
  /** base64, big-endian, of the whole object; null when S3 holds none. */
  readonly crc32c: string | null;
  /** base64, big-endian, of the whole object; null when S3 holds none. */
  readonly crc64nvme: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly contentEncoding: string | null;
  readonly contentDisposition: string | null;
  readonly contentLanguage: string | null;
  readonly cacheControl: string | null;
  /** As it was sent: S3 does not ask that it be a date. */
  readonly expires: string | null;
  /** Where a website endpoint would send readers. */
  readonly websiteRedirect: string | null;
  readonly storageClass: string | null;
  readonly tagCount: number;
}

/** Every version, delete marker and unfinished multipart upload under exactly one object key. */
export interface ObjectRemains {
  readonly versions: readonly { readonly versionId: string | null }[];
  readonly multipartUploadIds: readonly string[];
}

export interface ObjectStore {
  /**
   * HEAD with the key.
   * @param versionId the newest version unless given.
   * @throws DependencyUnavailable('s3') when no answer comes at all.
   */
  head(
    bucket: string,
    objectKey: string,
    key: CustomerKey | undefined,
    versionId?: string,
  ): Promise<HeadResult>;
  /** Lists what is left of exactly this object key. Throws `DependencyUnavailable('s3')` on anything but a 200: absence must be proven. */
  remains(bucket: string, objectKey: string): Promise<ObjectRemains>;
  /** Removes all of `remains`: unfinished uploads first, each until S3 lists no part of it. Throws `DependencyUnavailable('s3')` when one could not be removed. */
  remove(bucket: string, objectKey: string, remains: ObjectRemains): Promise<void>;
  /** S3's clock minus ours in milliseconds, from its latest answer's `Date`; 0 until one came. */
  skewMs(): number;
}

/** One version of an object; `versionId` null is the only one of an unversioned bucket, or the newest. */
export interface ObjectVersion {
  readonly bucket: string;
  readonly objectKey: string;
  readonly versionId: string | null;
}

/** What an object is written with beside its bytes. */
export interface ObjectHeaders {
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Names and values as they are, not percent-encoded. Whatever tags there were are gone. */
  readonly tags: Readonly<Record<string, string>>;
}

/** The bytes of objects: read, and written anew under another key. Every call stops when `signal` is aborted, by its reason. */
export interface ObjectContent {
  /**
   * GET of exactly this version, not read ahead of the consumer. A body that ends early or fails throws while it is read.
   * @throws ObjectRefused on a clear no: absent, wrong key, no right.
   * @throws DependencyUnavailable('s3') otherwise.
   */
  read(object: ObjectVersion, key: CustomerKey, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /**
   * GET or HEAD of exactly this version, as S3 itself answers `Range` and `If-None-Match` (RFC 9110). The body is not read ahead of the
   * consumer; leaving it early closes its connection.
   * @param object with its etag, which must still be that of the object.
   * @param ask the headers as they came.
   * @throws ObjectRefused on a clear no: absent, another object now (412), wrong key, no right.
   * @throws DependencyUnavailable('s3') otherwise.
   */
  open(
    object: ObjectVersion & { etag: string | null },
    key: CustomerKey,
    ask: { method: 'GET' | 'HEAD'; range?: string | undefined; ifNoneMatch?: string | undefined },
    signal: AbortSignal,
  ): Promise<OpenedObject>;
  /**
   * Writes the object anew, under another customer key and at the same object key, by S3 itself: CopyObject from exactly this version, or
   * UploadPartCopy above 5 GB. Nothing is visible before it is whole. An unversioned bucket's object is replaced.
   * @param from with its size in bytes, and its etag, which must still be that of the source.
   * @returns the new version; `unsupported` where the server has no such copy under SSE-C (501 and its kin): nothing was changed.
   * @throws ObjectRefused, DependencyUnavailable('s3'); an unfinished multipart upload may be left then.
   */
  copy(
    from: ObjectVersion & { size: number; etag: string | null },
    keys: { from: CustomerKey; to: CustomerKey },
    headers: ObjectHeaders,
    signal: AbortSignal,
  ): Promise<Written | { kind: 'unsupported'; code: string }>;
  /** The same by reading and writing through this process, a part at a time. Objects of up to 64 MiB are held whole. */
  stream(
    from: ObjectVersion & { size: number; etag: string | null },
    keys: { from: CustomerKey; to: CustomerKey },
    headers: ObjectHeaders,
    signal: AbortSignal,
  ): Promise<Written>;
}

/** What S3 answered to `open`. */
export type OpenedObject =
  | {
      readonly status: 200 | 206;
      /** Bytes of this answer's body. */
      readonly size: number;
      /** `bytes 0-9/100`, of a 206. */
      readonly contentRange: string | null;
      readonly etag: string | null;
      /** Milliseconds since the epoch. */
      readonly modifiedAt: number | null;
      /** Absent in the answer to HEAD. */
      readonly body: AsyncIterable<Uint8Array> | undefined;
    }
  | { readonly status: 304; readonly etag: string | null }
  | { readonly status: 416; readonly contentRange: string | null };

export interface Written {
  readonly kind: 'written';
  readonly etag: string | null;
  readonly versionId: string | null;
}

/** Needs no customer key, on any server. */
export interface ObjectTags {
  /** @returns undefined when there is no such object or version. @throws DependencyUnavailable('s3'). */
  get(object: ObjectVersion): Promise<Readonly<Record<string, string>> | undefined>;
  /**
   * Replaces all tags.
   * @returns false when there is no such object or version. @throws DependencyUnavailable('s3'), also when the right is missing.
   */
  put(object: ObjectVersion, tags: Readonly<Record<string, string>>): Promise<boolean>;
}

export interface ListedVersion {
  readonly objectKey: string;
  /** null where the bucket has no versions. */
  readonly versionId: string | null;
  readonly isLatest: boolean;
  readonly isDeleteMarker: boolean;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

/** A CORS rule of a bucket, with the names of S3's own interface and of its command line. */
export interface CorsRule {
  readonly ID?: string;
  /** With at most one `*` each. */
  readonly AllowedOrigins: readonly string[];
  readonly AllowedMethods: readonly string[];
  readonly AllowedHeaders?: readonly string[];
  readonly ExposeHeaders?: readonly string[];
  /** How long a browser may remember a preflight. */
  readonly MaxAgeSeconds?: number;
}

/** Whole buckets, and small objects without a customer key: what recovery needs. All throw DependencyUnavailable('s3') unless S3 says yes. */
export interface Buckets {
  /** Every version and delete marker, by object key; the newest version of an object key first. */
  versions(bucket: string, prefix?: string): AsyncIterable<ListedVersion>;
  /** Puts at most 64 KiB. Durable when it resolves. */
  putSmall(bucket: string, objectKey: string, bytes: Uint8Array, contentType: string): Promise<void>;
  /**
   * Never takes more than 64 KiB, whatever lies there.
   * @returns undefined when there is none.
   * @throws ObjectRefused on a clear no to this object: under SSE-C, no right, larger. That the bucket is not there is none.
   */
  getSmall(bucket: string, objectKey: string): Promise<Uint8Array | undefined>;
  /**
   * The bucket's CORS rules, in their order; none when it has none.
   * @throws BucketRefused on a clear no: no right, no such bucket, or a server that has no such rules.
   */
  corsRules(bucket: string): Promise<readonly CorsRule[]>;
  /**
   * Puts these in place of all rules that are there.
   * @throws BucketRefused as `corsRules`.
   */
  putCorsRules(bucket: string, rules: readonly CorsRule[]): Promise<void>;
}

export interface SignRequest {
  readonly method: 'GET' | 'PUT' | 'HEAD' | 'POST' | 'DELETE';
  readonly bucket: string;
  readonly objectKey: string;
  /** Names in lower case. All are signed, none is moved into the query. `host` is added. */
  readonly headers: Readonly<Record<string, string>>;
  /** Further query parameters, signed: `versionId`, `response-content-type` … */
  readonly query?: Readonly<Record<string, string>>;
}

/** The life of URLs signed now: fixed before anything is committed, so that its end can be committed before the URL is answered. */
export interface UrlWindow {
  /** The promise to the client, milliseconds since the epoch: capped by temporary credentials and by clock skew. */
  readonly expiresAt: number;
  /** The last moment at which S3 could still accept the URL, by our clock. Never before `expiresAt`. */
  readonly endsAt: number;
  /** @returns the presigned URL. Needs no network, and some microseconds: a batch is signed in one go. */
  sign(request: SignRequest): string;
  /** @returns a form for a POST by a browser (SigV4 POST policy); it never outlives `endsAt`. Needs no network. */
  form(request: FormRequest): PresignedForm;
}

export interface FormRequest {
  readonly bucket: string;
  readonly objectKey: string;
  /** Each must be sent exactly so: `Content-Type`, `x-amz-…`, `tagging`, `success_action_status`. */
  readonly fields: Readonly<Record<string, string>>;
  /** Bytes, exactly. */
  readonly size: number;
}

export interface PresignedForm {
  readonly url: string;
  /** All fields that go before the file, those of the request among them. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface Presigner {
  /**
   * @param expiresInSeconds 1 to 604,800.
   * @param now milliseconds since the epoch; the signing date.
   * @throws DependencyUnavailable('credentials') when there are none.
   */
  open(expiresInSeconds: number, now: number): Promise<UrlWindow>;
}
