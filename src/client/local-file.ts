import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { FileChanged, FileUnusable } from './errors.ts';

/** A regular file, open for reading: the same one from hashing to the last byte sent, whatever is renamed meanwhile. */
export interface LocalFile extends AsyncDisposable {
  /** Absolute, symbolic links resolved. */
  readonly realPath: string;
  /** Bytes, when it was opened. */
  readonly size: number;
  /** When it was opened. */
  readonly modifiedAt: Date;
  /** All its bytes, in pieces. @throws FileChanged when there are fewer than `size`; FileUnusable when reading fails. */
  read(): AsyncGenerator<Buffer>;
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
  return {
    realPath,
    size,
    modifiedAt,
    async *read() {
      let left = size;
      while (left > 0) {
        // A new buffer each time: the one before may still be on its way to the socket.
        const buffer = Buffer.allocUnsafeSlow(Math.min(left, CHUNK_BYTES));
        const { bytesRead } = await handle
          .read(buffer, 0, buffer.length, size - left)
          .catch((error: unknown) => {
            throw unusable(error);
          });
        if (bytesRead === 0) throw new FileChanged('The file became shorter while it was read.');
        left -= bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** base64 of the SHA-256. */
export async function sha256Of(file: LocalFile, signal?: AbortSignal): Promise<string> {
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
