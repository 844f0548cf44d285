import { FileChanged, FileUnusable } from '../errors.ts';

/** Bytes that can be read more than once. */
export interface Body {
  /** Bytes. */
  readonly size: number;
  /** All of them, in pieces, each of which is good until the next one is asked for. @throws FileChanged when there are fewer than `size`; FileUnusable when reading fails. */
  read(): AsyncIterable<Uint8Array>;
}

/** What is uploaded. */
export interface Source extends Body {
  /** What makes it the same source to a later process; undefined when nothing does. */
  readonly identity: string | undefined;
  /** @param from the first byte. @param size bytes. */
  part(from: number, size: number): Body;
  /** @throws FileChanged when it has been written to since it was opened, as far as that can be seen without reading it. */
  requireUnchanged(): Promise<void>;
}

const CHUNK_BYTES = 256 * 1024;

/** Bytes in memory. Whoever writes to them meanwhile uploads something else than was hashed. */
export function bytesSource(bytes: Uint8Array): Source {
  const part = (from: number, size: number): Body => ({
    size,
    async *read() {
      for (let at = from; at < from + size; at += CHUNK_BYTES) {
        yield bytes.subarray(at, Math.min(at + CHUNK_BYTES, from + size));
      }
    },
  });
  return {
    ...part(0, bytes.length),
    part,
    identity: undefined,
    requireUnchanged: async () => undefined,
  };
}

/** A `Blob` or `File`, such as `openAsBlob` of node:fs gives; it is never in memory as a whole unless it was before. */
export function blobSource(blob: Blob): Source {
  const part = (from: number, size: number): Body => ({
    size,
    async *read() {
      let read = 0;
      try {
        for await (const chunk of blob.slice(from, from + size).stream()) {
          read += chunk.length;
          yield chunk;
        }
      } catch (error) {
        // A file behind it that has changed says no more than that.
        if (isNotReadable(error))
          throw new FileChanged('The file behind the Blob has changed.', { cause: error });
        throw new FileUnusable('The Blob cannot be read.', { cause: error });
      }
      if (read !== size) throw new FileChanged('The Blob gave fewer bytes than its size.');
    },
  });
  return { ...part(0, blob.size), part, identity: undefined, requireUnchanged: async () => undefined };
}

function isNotReadable(error: unknown): boolean {
  return error instanceof Error && error.name === 'NotReadableError';
}
