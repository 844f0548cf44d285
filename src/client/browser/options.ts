import type { UploadMethod } from '../asks.ts';
import type { UploadProgress } from '../meter.ts';
import type { Slot } from '../model.ts';
import type { RetryPolicy } from '../retry.ts';

/** Where the service is, and what proves who calls. */
export interface UploaderOptions {
  /** The service's URL, perhaps with a path before its `/v1`: https, or http on loopback. */
  readonly endpoint: string | URL;
  /**
   * A JWT or a grant, without `Bearer`. Asked before every call of the service, and once more after a 401: keep it until shortly before its end. What it throws ends the
   * upload, and is what `done` rejects with.
   */
  readonly getToken: () => string | Promise<string>;
  /** How many parts of a file are sent at once, 1 or more; by default 4. */
  readonly parallelParts?: number;
  /** How often and how patiently a failure that may pass is tried again; by default 10 tries within 24 to 47 seconds. */
  readonly retry?: Partial<RetryPolicy>;
  /** Where unfinished uploads are remembered for a reload: random Idempotency-Keys and times only. By default `localStorage`; null: nowhere. */
  readonly storage?: Storage | null;
}

/** How a file is sent, and what is told of it. */
export interface UploadOptions {
  /** Comes back at the download: at most 1,024 bytes of UTF-8, no NUL. By default the name of a `File`. */
  readonly filename?: string;
  /** A media type. By default the `type` of the file, else `application/octet-stream`. */
  readonly contentType?: string;
  /** Kept with the object in S3: names of a-z, 0-9, `-` and `.`; values of visible ASCII; 2,048 bytes in all. */
  readonly metadata?: Record<string, string>;
  /**
   * `PUT`: one request, at most 5 GiB. `multipart`: parts, which can be resumed. `auto`, the default: `PUT` up to 16 MiB and parts above, and the other one where the tenant's
   * policy does not allow this one.
   */
  readonly method?: UploadMethod;
  /** Bytes of each part but the last, from 5 MiB to 5 GiB; the service chooses unless given. */
  readonly partSize?: number;
  /** Called as it goes forward. The last call has `bytes` = `size`, when the service has proven that S3 has them. */
  readonly onProgress?: (progress: UploadProgress) => void;
  /** Called at every change of `state`. */
  readonly onState?: (state: UploadState) => void;
  /** Ends the upload as `cancel` does, but removes nothing: chosen again, the file goes on from there. */
  readonly signal?: AbortSignal;
}

/**
 * `preparing`: hashing, or asking for a slot. `offline`: waiting for the network; it goes on by itself. `completing`: all bytes are sent, and the service looks. The last three are
 * final.
 */
export type UploadState =
  'preparing' | 'uploading' | 'paused' | 'offline' | 'completing' | 'uploaded' | 'failed' | 'cancelled';

/** One file on its way. */
export interface Upload {
  readonly state: UploadState;
  /** Of the slot, once there is one. */
  readonly id: string | undefined;
  /**
   * The slot, `uploaded`. Rejects with ServiceProblem, S3Refusal, Unreachable or FileChanged, with what `getToken` threw, or with an `AbortError` after `cancel` or by the signal.
   * Who goes by `onState` alone need not handle it.
   */
  readonly done: Promise<Slot>;
  /** Sends nothing more until `resume`. What is under way is cut off, and sent again then. */
  pause(): void;
  resume(): void;
  /**
   * Ends the upload, and has the service remove what of it is in S3. Resolves when the service has accepted that. After `uploaded` it does nothing; after `failed` it removes what is
   * left, unless the file has been chosen again meanwhile and goes on.
   * @throws ServiceProblem or Unreachable when the service could not be told: what was sent then goes when the slot has expired.
   */
  cancel(): Promise<void>;
}

/** Uploads files to one service. */
export interface Uploader {
  /** Begins at once. */
  upload(file: Blob | File, options?: UploadOptions): Upload;
}
