import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { FileChanged, FileUnusable } from '../errors.ts';
import type { Body, Source } from './source.ts';

/** A regular file, open for reading: the same one from hashing to the last byte sent, whatever is renamed meanwhile. */
export interface LocalFile extends Source, AsyncDisposable {
  /** Absolute, symbolic links resolved. */
  readonly realPath: string;
  /** When it was opened, as its size. */
  readonly modifiedAt: Date;
}

const CHUNK_BYTES = 256 * 1024;

/** @throws FileUnusable when it cannot be opened or is not a regular file. */
export async function openLocalFile(path: string): Promise<LocalFile> {
  let handle: FileHandle | undefined;
  try {
    // Opening a pipe that nobody writes to would wait for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const [stat, realPath] = [await handle.stat(), await realpath(path)];
    if (!stat.isFile()) throw new FileUnusable('It is not a regular file.');
    return localFile(handle, realPath, stat.size, stat.mtime);
  } catch (error) {
    await handle?.close();
    throw unusable(error);
  }
}

function localFile(handle: FileHandle, realPath: string, size: number, modifiedAt: Date): LocalFile {
  const part = (from: number, size: number): Body => ({
    size,
    async *read() {
      const buffer = Buffer.allocUnsafeSlow(Math.min(size, CHUNK_BYTES));
      for (let left = size; left > 0;) {
        const { bytesRead } = await handle
          .read(buffer, 0, Math.min(left, buffer.length), from + size - left)
          .catch((error: unknown) => {
            throw unusable(error);
          });
        if (bytesRead === 0) throw new FileChanged('The file became shorter while it was read.');
        left -= bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
  });
  return {
    ...part(0, size),
    part,
    identity: realPath,
    realPath,
    modifiedAt,
    async requireUnchanged() {
      const now = await handle.stat();
      if (now.size !== size || now.mtime.getTime() !== modifiedAt.getTime()) {
        throw new FileChanged('The file changed while it was sent.');
      }
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** base64 of the SHA-256. */
export async function sha256Of(file: Body, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of file.read()) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest('base64');
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'There is no such file.',
  EACCES: 'It may not be opened.',
  EISDIR: 'It is a folder.',
  EEXIST: 'It exists already.',
  ENOSPC: 'The disk is full.',
};

/** A failure of the file system in words, unless it has some already. */
export function unusable(error: unknown): Error {
  if (error instanceof FileUnusable || error instanceof FileChanged) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return new FileUnusable(WORDS[code] ?? `The file system refuses it (${code}).`, { cause: error });
}
