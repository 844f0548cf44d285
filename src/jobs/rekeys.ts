import type { Upload } from '../uploads/upload.ts';

/** Each may hold 64 MiB, and the line to S3 is one. */
const PARALLEL = 2;

/** Re-keys take as long as their objects are large, so they wait for each other here and never hold up a pass. */
export interface Rekeys {
  /** Once its turn comes. A slot that is here already is not taken twice. */
  add(upload: Upload): void;
  /** Aborts what is in hand; resolves when the last has ended. @returns what waited. */
  stop(): Promise<readonly Upload[]>;
}

/** @param work never rejects. */
export function createRekeys(work: (upload: Upload, signal: AbortSignal) => Promise<void>): Rekeys {
  const waiting = new Map<string, Upload>();
  const working = new Map<string, Promise<void>>();
  const stop = new AbortController();

  function next(): void {
    for (const [id, upload] of waiting) {
      if (working.size >= PARALLEL) return;
      waiting.delete(id);
      working.set(
        id,
        work(upload, stop.signal).finally(() => {
          working.delete(id);
          next();
        }),
      );
    }
  }

  return {
    add(upload) {
      if (stop.signal.aborted || working.has(upload.id)) return;
      waiting.set(upload.id, upload);
      next();
    },
    async stop() {
      const left = [...waiting.values()];
      waiting.clear();
      stop.abort();
      await Promise.all(working.values());
      return left;
    },
  };
}
