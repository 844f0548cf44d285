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
  /** Which generation of the slot's key opens its object; 1 until a re-key. */
  readonly generation: number;
  /** The generation that a re-key under way moves the object to. */
  readonly nextGeneration: number | null;
  readonly deletingAt: number | null;
  readonly deletedAt: number | null;
  /** When the background job looks at this slot next; `null` is never. */
  readonly nextCheckAt: number | null;
}

export const UPLOAD_STATES = ['issued', 'uploaded', 'rejected', 'expired', 'deleting', 'deleted'] as const;
export type UploadState = (typeof UPLOAD_STATES)[number];

/** An expired slot that is looked at no more: nothing came, and its key is destroyed. */
export function isForgotten(upload: Upload): boolean {
  return upload.state === 'expired' && upload.nextCheckAt === null;
}

/** The state as of `now`: an issued slot is expired from its `expiresAt` on, whether or not the job has noted it yet. */
export function stateAt(upload: Upload, now: number): UploadState {
  return upload.state === 'issued' && now >= upload.expiresAt ? 'expired' : upload.state;
}
