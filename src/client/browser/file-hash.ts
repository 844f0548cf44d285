import { FileChanged } from '../errors.ts';
import { base64, hashInPieces } from './hash-in-pieces.ts';

/** Bytes. What is smaller is read into memory at once: the browser's own SHA-256 takes nothing else, and is much the fastest. */
export const IN_MEMORY_BYTES = 64 * 1024 ** 2;

/**
 * base64 of the SHA-256, off the main thread: by the browser itself, or by a worker where the file is large. Where no worker can start (a Content-Security-Policy, a
 * bundler that left its file out) it is done here, piece by piece.
 * @throws FileChanged when the file cannot be read any more; what aborted the signal.
 */
export async function sha256Of(file: Blob, signal: AbortSignal): Promise<string> {
  try {
    // Absent in a page that is not a secure context.
    const subtle = crypto.subtle as SubtleCrypto | undefined;
    if (file.size <= IN_MEMORY_BYTES && subtle !== undefined) {
      return base64(new Uint8Array(await subtle.digest('SHA-256', await file.arrayBuffer())));
    }
    return (await hashInWorker(file, signal)) ?? (await hashInPieces(file, signal));
  } catch (error) {
    signal.throwIfAborted();
    throw unreadable(error);
  }
}

/** A browser says of a file that was written to, moved or deleted no more than that it cannot be read. */
export function unreadable(cause: unknown): FileChanged {
  return new FileChanged('The file was changed, moved or deleted since it was chosen.', { cause });
}

/** @throws FileChanged when it cannot be read any more. */
export async function requireReadable(file: Blob): Promise<void> {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch (error) {
    throw unreadable(error);
  }
}

/** @returns undefined when there is no worker, or it could not read the file. */
async function hashInWorker(file: Blob, signal: AbortSignal): Promise<string | undefined> {
  let worker: Worker | undefined;
  let stop: (() => void) | undefined;
  try {
    return await new Promise((resolve, reject) => {
      // In one expression, by which bundlers know it.
      worker = new Worker(new URL('./sha256-worker.js', import.meta.url), { type: 'module' });
      worker.onmessage = ({ data }: MessageEvent<string | undefined>) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        resolve(undefined);
      };
      stop = () => reject(signal.reason as Error);
      signal.addEventListener('abort', stop);
      worker.postMessage(file);
    });
  } catch {
    signal.throwIfAborted();
    return undefined;
  } finally {
    worker?.terminate();
    if (stop) signal.removeEventListener('abort', stop);
  }
}
