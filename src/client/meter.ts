/** How far an upload is. */
export interface UploadProgress {
  /** Bytes that S3 has or that are on their way; never fewer than told before, never more than `size`. */
  readonly bytes: number;
  /** Bytes in all. */
  readonly size: number;
  /** Bytes of these that an earlier run had sent. */
  readonly resumed: number;
}

/** Adds up what is sent at once, and tells it when it has grown: a try that failed takes its bytes back, unseen. */
export class Meter {
  readonly #size: number;
  readonly #tell: ((progress: UploadProgress) => void) | undefined;
  readonly #inFlight = new Map<number, number>();
  #finished = 0;
  #resumed = 0;
  #told = -1;

  /** @param size bytes of the whole. */
  constructor(size: number, tell: ((progress: UploadProgress) => void) | undefined) {
    this.#size = size;
    this.#tell = tell;
  }

  /** S3 has so many bytes, by its own list. @param isOurs whether this run has sent some of them. */
  listed(bytes: number, isOurs: boolean): void {
    this.#inFlight.clear();
    this.#finished = bytes;
    if (!isOurs) this.#resumed = bytes;
    this.#look();
  }

  /** @param part its number; any for a body that goes whole. @param bytes of it in this try. */
  moved(part: number, bytes: number): void {
    this.#inFlight.set(part, bytes);
    this.#look();
  }

  /** This try came to nothing. */
  failed(part: number): void {
    this.#inFlight.delete(part);
  }

  finished(part: number, size: number): void {
    this.#inFlight.delete(part);
    this.#finished += size;
    this.#look();
  }

  #look(): void {
    let bytes = this.#finished;
    for (const each of this.#inFlight.values()) bytes += each;
    bytes = Math.min(bytes, this.#size);
    if (bytes <= this.#told) return;
    this.#told = bytes;
    this.#tell?.({ bytes, size: this.#size, resumed: this.#resumed });
  }
}
