/** What the service answers; the members this client uses. A client ignores members it does not know. */
export interface Slot {
  /** UUIDv7. */
  readonly id: string;
  readonly state: 'issued' | 'uploaded' | 'rejected' | 'expired' | 'deleting' | 'deleted';
  /** The path in the bucket. */
  readonly objectKey: string;
  /** As sent when the slot was asked for; not yet safe as a path. */
  readonly filename?: string;
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
  /** base64 of the 32 bytes; absent when none was announced. */
  readonly sha256?: string;
  /** As sent when the slot was asked for. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** RFC 3339: the last moment a new request is given. */
  readonly expiresAt?: string;
  /** RFC 3339. */
  readonly uploadedAt?: string;
}

/** One presigned call of S3. Its headers hold the customer key: never log or store it. */
export interface SignedRequest {
  readonly method: string;
  /** Always https. */
  readonly url: string;
  /** Exactly what to send, names in lower case; `host` and `content-length` come from the HTTP stack. */
  readonly headers: Readonly<Record<string, string>>;
  /** RFC 3339; S3 refuses a call that begins later. */
  readonly expiresAt: string;
}

/** An upload in parts; their URLs are asked for part by part. */
export interface PartsRequest {
  readonly method: 'multipart';
  /** Bytes, of every part but the last. */
  readonly partSize: number;
  readonly partCount: number;
  /** RFC 3339: until when requests for parts are given. */
  readonly expiresAt: string;
}

/** One presigned PUT of a part. Its headers hold the customer key: never log or store it. */
export interface PartRequest extends Omit<SignedRequest, 'method'> {
  /** From 1. */
  readonly partNumber: number;
  /** Bytes, exactly. */
  readonly size: number;
}

/** A part that S3 has. */
export interface Part {
  /** From 1. */
  readonly partNumber: number;
  /** Bytes. */
  readonly size: number;
}

/** How to send the object: whole by `PUT`, or in parts. */
export type UploadRequest = (SignedRequest & { readonly method: 'PUT' }) | PartsRequest;

/** A slot as `create` and `request` answer it. */
export interface SlotWithRequest extends Slot {
  /** Absent in a replay for a slot that is no longer `issued`. */
  readonly request?: UploadRequest;
}

/** What one asks a slot for. */
export interface UploadAsk {
  /** At most 1,024 bytes of UTF-8, no NUL. */
  readonly filename?: string;
  /** A media type, sent and signed exactly as given. */
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
  /** base64 of the 32 bytes of the whole body's SHA-256: any other body is then refused, of a PUT by S3, of parts by the service. */
  readonly sha256?: string;
  /** By default `PUT`. */
  readonly method?: 'PUT' | 'multipart';
  /** Bytes of each part but the last, from 5 MiB to 5 GiB; the service chooses unless given. For multipart only. */
  readonly partSize?: number;
  /** Kept with the object in S3: ASCII, 2,048 bytes in all. */
  readonly metadata?: Readonly<Record<string, string>>;
}
