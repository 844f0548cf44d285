import type { Upload, Uploader, UploadState } from '../client/browser/index.ts';
import { Speed } from './speed.ts';
import type { Picked } from './picking.ts';

/** `waiting`: others go first. */
export type TransferState = 'waiting' | UploadState;

const ENDED: ReadonlySet<TransferState> = new Set(['uploaded', 'failed', 'cancelled']);
/** So often the eye can follow, milliseconds. */
const BETWEEN_CHANGES = 150;

/** One file on its way: what the page shows of it, and what can be done about it. */
export class Transfer {
  readonly file: File;
  readonly path: string;
  state: TransferState = 'waiting';
  bytes = 0;
  /** What S3 had already, from an earlier visit. */
  resumed = 0;
  error: unknown = undefined;
  readonly speed = new Speed();
  /** Called when any of it has changed. */
  changed: () => void = () => undefined;
  #upload: Upload | undefined;
  #lastChange = 0;

  constructor({ file, path }: Picked) {
    this.file = file;
    this.path = path;
  }

  /** Of the slot, once there is one. */
  get id(): string | undefined {
    return this.#upload?.id;
  }

  get hasEnded(): boolean {
    return ENDED.has(this.state);
  }

  /** @returns when it has ended, well or not. */
  async run(uploader: Uploader, signal: AbortSignal): Promise<void> {
    this.error = undefined;
    this.bytes = 0;
    this.speed.forget();
    this.#become('preparing');
    try {
      this.#upload = uploader.upload(this.file, {
        filename: this.file.name,
        contentType: this.file.type || 'application/octet-stream',
        signal,
        onProgress: (progress) => this.#progress(progress),
        // Its end is told by `done`, with the cause.
        onState: (state) => {
          if (!ENDED.has(state)) this.#become(state);
        },
      });
      await this.#upload.done;
      this.bytes = this.file.size;
      this.#become('uploaded');
    } catch (error) {
      const isCancelled = error instanceof DOMException && error.name === 'AbortError';
      if (!isCancelled) this.error = error;
      this.#become(isCancelled ? 'cancelled' : 'failed');
    }
  }

  pause(): void {
    this.#upload?.pause();
  }

  resume(): void {
    this.#upload?.resume();
  }

  /** Takes back what S3 has of it. */
  async cancel(): Promise<void> {
    if (this.state === 'waiting') this.#become('cancelled');
    else await this.#upload?.cancel();
  }

  wait(): void {
    this.#become('waiting');
  }

  #progress({ bytes, resumed }: { bytes: number; resumed: number }): void {
    this.bytes = bytes;
    this.resumed = resumed;
    const now = performance.now();
    this.speed.note(bytes, now);
    if (now - this.#lastChange < BETWEEN_CHANGES && bytes < this.file.size) return;
    this.#lastChange = now;
    this.changed();
  }

  #become(state: TransferState): void {
    if (this.state === state) return;
    this.state = state;
    if (state !== 'uploading') this.speed.forget();
    this.changed();
  }
}
