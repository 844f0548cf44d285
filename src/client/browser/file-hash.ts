import { until } from '../retry.ts';
import { requireReadable } from './blob-sendable.ts';
import { sha256InMemory } from './sha256-in-memory.ts';

/** Bytes. What is smaller is read into memory at once: the browser's own SHA-256 takes nothing else, and is much the fastest. */
export const IN_MEMORY_BYTES = 64 * 1024 ** 2;

/**
 * base64 of the SHA-256, off the main thread: by the browser itself, or by a worker where the file is large. Where no worker can start (a
 * Content-Security-Policy, a bundler that left its file out) the browser has to take all of it into memory.
 * @throws FileChanged when the file cannot be read any more; what aborted the signal.
 */
export async function sha256Of(file: Blob, signal: AbortSignal | undefined): Promise<string> {
  const isSmall = file.size <= IN_MEMORY_BYTES && isSecureContext;
  const hash = isSmall
    ? undefined
    : await until<string | undefined>(signal, (end) => hashInWorker(file, end));
  if (hash) return hash;
  await requireReadable(file);
  return sha256InMemory(file);
}

/** @param end is told undefined when there is no worker, or it could not read the file. @returns what ends it. */
function hashInWorker(file: Blob, end: (hash?: string) => void): (() => void) | undefined {
  try {
    // In one expression, by which bundlers know it.
    const worker = new Worker(new URL('./sha256-worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<string | undefined>) => end(data);
    worker.onerror = () => end();
    worker.postMessage(file);
    return () => worker.terminate();
  } catch {
    end();
    return undefined;
  }
}
