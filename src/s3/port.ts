import type { CustomerKey } from '../custody/customer-key.ts';
import type { CredentialProvider } from './credentials.ts';

/** One S3 target: where objects lie and how URLs for it are signed. */
export interface S3Target {
  readonly objects: ObjectStore;
  readonly presigner: Presigner;
  /** What the service's own calls and the URLs are signed with. */
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
  readonly metadata: Readonly<Record<string, string>>;
  readonly contentEncoding: string | null;
  readonly contentDisposition: string | null;
  readonly cacheControl: string | null;
  readonly storageClass: string | null;
  readonly tagCount: number;
}

/** Every version, delete marker and unfinished multipart upload under exactly one object key. */
export interface ObjectRemains {
  readonly versions: readonly { readonly versionId: string | null }[];
  readonly multipartUploadIds: readonly string[];
}

export interface ObjectStore {
  /** HEAD with the key. Throws `DependencyUnavailable('s3')` when no answer comes at all. */
  head(bucket: string, objectKey: string, key: CustomerKey | undefined): Promise<HeadResult>;
  /** Lists what is left of exactly this object key. Throws `DependencyUnavailable('s3')` on anything but a 200: absence must be proven. */
  remains(bucket: string, objectKey: string): Promise<ObjectRemains>;
  /** Removes all of `remains`. Throws `DependencyUnavailable('s3')` when one could not be removed. */
  remove(bucket: string, objectKey: string, remains: ObjectRemains): Promise<void>;
  /** S3's clock minus ours in milliseconds, from its latest answer's `Date`; 0 until one came. */
  skewMs(): number;
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
  /** @returns the presigned URL. Needs no network. */
  sign(request: SignRequest): Promise<string>;
}

export interface Presigner {
  /**
   * @param expiresInSeconds 1 to 604,800.
   * @param now milliseconds since the epoch; the signing date.
   * @throws DependencyUnavailable('credentials') when there are none.
   */
  open(expiresInSeconds: number, now: number): Promise<UrlWindow>;
}
