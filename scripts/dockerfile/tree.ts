import { lstatSync, readdirSync, chmodSync } from 'node:fs';
import { join } from 'node:path';

/** Every path below `dir` with what changes when it is written to. Folders named in `left` are not looked into. */
export function listing(dir: string, left: readonly string[] = []): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (left.includes(path)) return [];
    if (entry.isDirectory()) return [path, ...listing(path, left)];
    const { size, mtimeMs } = lstatSync(path);
    return [`${path} ${size} ${mtimeMs}`];
  });
}

/** The bytes of the files below `dir`, in MB. */
export function megabytes(dir: string): string {
  const bytes = (folder: string): number =>
    readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
      const path = join(folder, entry.name);
      return sum + (entry.isDirectory() ? bytes(path) : lstatSync(path).size);
    }, 0);
  return `${(bytes(dir) / 1e6).toFixed(1)} MB`;
}

/** Takes the right to write from everybody, or gives it back to the owner. */
export function setWritable(dir: string, writable: boolean): void {
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) continue;
    const { mode } = lstatSync(path);
    chmodSync(path, writable ? mode | 0o200 : mode & ~0o222);
  }
  const { mode } = lstatSync(dir);
  chmodSync(dir, writable ? mode | 0o200 : mode & ~0o222);
}
