import type { Mismatch } from '../errors.ts';

/** A slot as stored. All times are milliseconds since the epoch; `http/present.ts` turns them into RFC 3339. */
export interface Upload {
  readonly id: string;
  readonly tenant: string;
  /** `Principal.id` of the maker. */
  readonly principal: string;
  readonly state: UploadState;
  readonly target: string;
  readonly bucket: string;
  readonly objectKey: string;
  readonly filename: string | null;
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
  /** base64, as S3 has it. */
  readonly sha256: string | null;
  /** base64 of the 4 bytes, big-endian. At most one of the three checksums is announced. */
  readonly crc32c: string | null;
  /** base64 of the 8 bytes, big-endian. */
  readonly crc64nvme: string | null;
  readonly method: UploadMethod;
  /** Bytes, of every part but the last; null unless the method is `multipart`. */
  readonly partSize: number | null;
  /** S3's id of the multipart upload; null until the first part is asked for. */
  readonly multipartUploadId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** The life of each URL of this slot, as asked for at its making. */
  readonly expiresInSeconds: number;
  readonly createdAt: number;
  /** The last moment a new request is given. */
  readonly expiresAt: number;
  /** When the latest upload URL handed out for this slot ends. Committed before that URL is answered (invariant 3). */
  readonly urlEndsAt: number;
  readonly uploadedAt: number | null;
  readonly etag: string | null;
  readonly versionId: string | null;
  /** Of a `rejected` slot: what differs. */
  readonly mismatches: readonly Mismatch[] | null;
  /** Which generation of the slot's key opens its object; 1 until a re-key. */
  readonly generation: number;
  /** The generation that a re-key under way moves the object to. */
  readonly nextGeneration: number | null;
  readonly deletingAt: number | null;
  readonly deletedAt: number | null;
  /** When the key of an `expired` or `rejected` slot was destroyed, since nothing is left of its object. */
  readonly forgottenAt: number | null;
  /** When the background job looks at this slot next; `null` is never. */
  readonly nextCheckAt: number | null;
}

export const UPLOAD_STATES = ['issued', 'uploaded', 'rejected', 'expired', 'deleting', 'deleted'] as const;
export type UploadState = (typeof UPLOAD_STATES)[number];

/** How the object is sent. Asked for by the client, and never changed for another. */
export const UPLOAD_METHODS = ['PUT', 'POST', 'multipart'] as const;
export type UploadMethod = (typeof UPLOAD_METHODS)[number];

/** What a slot begins with that nothing has happened to. */
export const UNTOUCHED = {
  uploadedAt: null,
  etag: null,
  versionId: null,
  mismatches: null,
  generation: 1,
  nextGeneration: null,
  deletingAt: null,
  deletedAt: null,
  forgottenAt: null,
} as const;

/** What a slot has that was found as an object: it was announced by nobody. */
export const UNANNOUNCED = {
  crc32c: null,
  crc64nvme: null,
  method: 'PUT',
  partSize: null,
  multipartUploadId: null,
} as const;

/** The state as of `now`: an issued slot is expired from its `expiresAt` on, whether or not the job has noted it yet. */
export function stateAt(upload: Upload, now: number): UploadState {
  return upload.state === 'issued' && now >= upload.expiresAt ? 'expired' : upload.state;
}
