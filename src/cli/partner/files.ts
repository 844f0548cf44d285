import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FileUnusable } from '../../client/errors.ts';
import { unusable } from '../../client/node/local-file.ts';

export interface FoundFile {
  /** As given, or below the folder as given. */
  readonly path: string;
  /** Absolute, symbolic links resolved. */
  readonly realPath: string;
  /** What the service is told: the last segment, or the path below the folder. */
  readonly filename: string;
  /** Bytes. */
  readonly size: number;
  readonly modifiedAt: Date;
}

export interface LostFile {
  readonly path: string;
  readonly error: Error;
}

/**
 * What is to be uploaded, and what cannot be, in the order given; below a folder by name.
 * @param leftOut is told of what lies below the folder and is neither a file nor a folder.
 */
export async function findFiles(
  paths: readonly string[],
  folder: string | undefined,
  leftOut: (path: string, why: string) => void,
): Promise<(FoundFile | LostFile)[]> {
  const found: (FoundFile | LostFile)[] = [];
  for (const path of paths) found.push(await look(path, basename(path)));
  if (folder !== undefined) for await (const file of walk(folder, '', leftOut)) found.push(file);
  return found;
}

/** Regular files only: a link may lead out of the folder or round in it. */
async function* walk(
  folder: string,
  prefix: string,
  leftOut: (path: string, why: string) => void,
): AsyncGenerator<FoundFile | LostFile> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => unusable(error));
  if (entries instanceof Error) {
    yield { path: folder, error: entries };
    return;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path, `${prefix}${entry.name}/`, leftOut);
    else if (entry.isFile()) yield await look(path, prefix + entry.name);
    else leftOut(path, entry.isSymbolicLink() ? 'a symbolic link' : 'not a regular file');
  }
}

async function look(path: string, filename: string): Promise<FoundFile | LostFile> {
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) throw new FileUnusable('It is a folder; -r uploads what is below one.');
    if (!facts.isFile()) throw new FileUnusable('It is not a regular file.');
    return { path, realPath: await realpath(path), filename, size: facts.size, modifiedAt: facts.mtime };
  } catch (error) {
    return { path, error: unusable(error) };
  }
}
