import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { about, type Finding } from '../finding.ts';

export const GROUP_WRITES = 0o020;
export const GROUP_ANY = 0o070;
export const OTHERS_READ = 0o004;
export const OTHERS_WRITE = 0o002;
export const OTHERS_ANY = 0o007;

/** In such a folder nobody replaces the files of another. */
const STICKY = 0o1000;

const say = about('files');

export const look = (path: string): Promise<Stats | undefined> => stat(path).catch(() => undefined);
/** The real path, also of a file that is not there yet. */
export const followed = (path: string): Promise<string> =>
  realpath(path).catch(async () => join(await realpath(dirname(path)), basename(path)));
export const has = (facts: Stats, rights: number): boolean => (facts.mode & rights) !== 0;
export const mode = (facts: Stats): string => (facts.mode & 0o7777).toString(8).padStart(4, '0');
export const notSeen = (check: string, path: string): Finding =>
  say.note(check, `${path} cannot be looked at`);

/** The folders of a file and of what its link leads to: whoever may write there can put another in its place. Silent when all is right. */
export async function* examineFolders(check: string, path: string): AsyncGenerator<Finding> {
  const real = await followed(path).catch(() => path);
  for (const folder of new Set([dirname(path), dirname(real)])) {
    const facts = await look(folder);
    if (facts === undefined || has(facts, STICKY)) continue;
    const may = `may put another ${basename(path)} into ${folder}, mode ${mode(facts)}`;
    if (has(facts, OTHERS_WRITE)) yield say.unsafe(check, `others ${may}`, `chmod o-w ${folder}`);
    else if (has(facts, GROUP_WRITES)) yield say.note(check, `its group ${may}`, `chmod g-w ${folder}`);
  }
}
