import type { CustomerKey } from '../../../src/custody/customer-key.ts';
import type { UploadMethod, UploadState } from '../../../src/uploads/upload.ts';

/** A URL or a form that a client has: it can be sent until it ends. */
export interface Handed {
  /** Milliseconds since the epoch; by S3's clock, which is ours. */
  readonly endsAt: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly key: CustomerKey;
  readonly part?: { readonly uploadId: string; readonly partNumber: number; readonly size: number };
}

/** What the clients and S3 know of a slot, whatever the service says. */
export interface Slot {
  readonly id: string;
  readonly objectKey: string;
  readonly method: UploadMethod;
  readonly size: number;
  readonly contentType: string;
  readonly handed: Handed[];
  keyMd5: string | undefined;
  /** As last seen. */
  state: UploadState;
  /** When its key was first seen to be gone. */
  destroyedAt: number | undefined;
  isPurged: boolean;
  /** An object as announced was once there. */
  wasRight: boolean;
}

/** A body on its way. */
export interface Body {
  readonly slot: Slot;
  readonly handed: Handed;
  readonly isRight: boolean;
}

/** What was answered to an idempotency key. */
export interface Once {
  readonly ids: readonly string[];
  readonly at: number;
}
