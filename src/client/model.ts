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

/** A slot as `create` and `request` answer it. */
export interface SlotWithRequest extends Slot {
  /** Absent in a replay for a slot that is no longer `issued`. */
  readonly request?: SignedRequest;
}

/** What one asks a slot for. */
export interface UploadAsk {
  /** At most 1,024 bytes of UTF-8, no NUL. */
  readonly filename?: string;
  /** A media type, sent and signed exactly as given. */
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
  /** base64 of the 32 bytes of the whole body's SHA-256; S3 then refuses any other body. */
  readonly sha256?: string;
}
