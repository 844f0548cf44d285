import type { SignedRequest } from './model.ts';

export interface PutOptions {
  readonly signal?: AbortSignal | undefined;
  /** @param bytes sent so far in this try. What it throws ends the try, and is thrown as it is. */
  readonly onSent?: ((bytes: number) => void) | undefined;
}

/** What is uploaded, with the way that its bytes take to S3. */
export interface Sendable {
  /** Bytes. */
  readonly size: number;
  /**
   * Sends some of it, once: with exactly the headers of the request, and exactly `size` bytes.
   * @param from the first byte. @param size bytes.
   * @throws S3Refusal for every answer that is not a success: 412 says that the object is there already.
   * @throws Unreachable when no answer comes; the object may be there all the same.
   * @throws FileChanged or FileUnusable when it cannot be read; what aborted the signal.
   */
  put(
    request: Pick<SignedRequest, 'url' | 'headers'>,
    from: number,
    size: number,
    options: PutOptions,
  ): Promise<void>;
  /** @throws FileChanged when it has been written to since the upload began, as far as that can be seen without reading it. */
  requireUnchanged(): Promise<void>;
}
