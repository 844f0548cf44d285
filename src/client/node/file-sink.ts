import { randomUUID } from 'node:crypto';
import { link, lstat, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FileUnusable } from '../errors.ts';
import { unusable } from './local-file.ts';

/** Where a download goes. */
export interface Sink {
  readonly name: string;
  /** @throws FileUnusable */
  write(chunk: Uint8Array): Promise<void>;
  /** It is whole and right. @throws FileUnusable */
  keep(): Promise<void>;
  /** It is not; nothing of it stays. */
  drop(): Promise<void>;
}

/**
 * A file with a name of its own beside `path`, readable by its owner alone, which gets its name when all of it is on disk. No other
 * download writes to it, whatever both are called.
 * @param advice how to overwrite, for people.
 * @throws FileUnusable when there is such a file already and `force` does not allow to replace it, or it cannot be made.
 */
export async function openFileSink(path: string, force: boolean, advice: string): Promise<Sink> {
  await refuseExisting(path, force, advice);
  // The dot keeps the folder of a path that ends in a slash, so that a missing one is noticed now.
  const part = join(dirname(`${path}.`), `.sealslot-${randomUUID()}.part`);
  const telling = <T>(work: () => Promise<T>): Promise<T> => named(path, work);
  const file = await telling(() => open(part, 'wx', 0o600));
  return {
    name: path,
    write: (chunk) => telling(() => file.writeFile(chunk)),
    keep: () =>
      telling(async () => {
        await file.sync();
        await file.close();
        await refuseExisting(path, force, advice);
        await (force ? rename(part, path) : takeName(part, path));
      }),
    async drop() {
      await file.close().catch(() => undefined);
      await rm(part, { force: true });
    },
  };
}

async function refuseExisting(path: string, force: boolean, advice: string): Promise<void> {
  const [entry, target] = await Promise.all([lstat, stat].map((look) => look(path).catch(() => undefined)));
  if (target?.isFile() === false) throw new FileUnusable(`${path} is not a regular file.`);
  if (entry !== undefined && !force) throw new FileUnusable(`${path} exists; ${advice}`);
}

/** Unlike a rename, this never replaces what somebody else has put there meanwhile. */
async function takeName(part: string, path: string): Promise<void> {
  try {
    await link(part, path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw error;
    // Not every file system has hard links. An empty file holds the name while the rename replaces it.
    await (await open(path, 'wx', 0o600)).close();
    return rename(part, path);
  }
  await rm(part);
}

async function named<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const told = unusable(error);
    if (told === error) throw error;
    // A new file can lack nothing but its folder.
    const isFolder = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new FileUnusable(`${path}: ${isFolder ? 'There is no such folder.' : told.message}`, {
      cause: error,
    });
  }
}
