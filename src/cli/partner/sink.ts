import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { open, rename, rm, stat } from 'node:fs/promises';
import { FileUnusable } from '../../client/errors.ts';
import { unusable } from '../../client/local-file.ts';

/** Where a download goes. */
export interface Sink {
  readonly name: string;
  /** @throws FileUnusable */
  write(chunk: Buffer): Promise<void>;
  /** It is whole and right. @throws FileUnusable */
  keep(): Promise<void>;
  /** It is not; nothing of it stays. */
  drop(): Promise<void>;
}

/**
 * `<path>.part`, readable by its owner alone, which takes its name when all of it is on disk.
 * @throws FileUnusable when there is such a file already and `force` does not allow to replace it, or it cannot be made.
 */
export async function openFileSink(path: string, force: boolean): Promise<Sink> {
  const part = `${path}.part`;
  const refuseExisting = async (): Promise<void> => {
    const existing = await stat(path).catch(() => undefined);
    if (existing?.isDirectory() === true) throw new FileUnusable(`${path} is a folder.`);
    if (existing !== undefined && !force) throw new FileUnusable(`${path} exists; --force overwrites it.`);
  };
  await refuseExisting();
  const file = await telling(async () => {
    // Left by a download that was killed, or put there by somebody as a link to elsewhere.
    await rm(part, { force: true });
    return open(part, 'wx', 0o600);
  });
  return {
    name: path,
    write: (chunk) => telling(() => file.writeFile(chunk)),
    keep: () =>
      telling(async () => {
        await file.sync();
        await file.close();
        await refuseExisting();
        await rename(part, path);
      }),
    async drop() {
      await file.close().catch(() => undefined);
      await rm(part, { force: true });
    },
  };
}

/** A pipe or terminal: what has gone into it cannot be taken back. */
export function streamSink(stream: Writable): Sink {
  let broken: Error | undefined;
  stream.on('error', (error: Error) => (broken = error));
  return {
    name: '-',
    async write(chunk) {
      if (broken === undefined && !stream.write(chunk)) await once(stream, 'drain').catch(() => undefined);
      if (broken !== undefined) throw unusable(broken);
    },
    keep: async () => undefined,
    drop: async () => undefined,
  };
}

async function telling<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unusable(error);
  }
}
