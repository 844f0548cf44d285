import { createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { chmod, chown, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KekFileExists, KekFileInvalid } from './errors.ts';
import type { KekRing } from './kek-ring.ts';

const KEK_BYTES = 32;
const KEK_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Any right of others, or writing by the group. Reading by the group is how Kubernetes' `fsGroup` hands a secret over. */
const FORBIDDEN_MODE = 0o027;

/**
 * Makes a KEK file with one fresh KEK, mode 0600, on disk when the promise resolves.
 * @throws KekFileExists: it never overwrites.
 */
export async function createKekFile(path: string): Promise<{ kekId: string }> {
  const kekId = newKekId();
  await writeNew(path, textOf({ current: kekId, keks: new Map([[kekId, newKek()]]) }));
  await syncDirectory(dirname(path));
  return { kekId };
}

/**
 * Adds a fresh KEK to the file and makes it the current one; the others stay. The file is replaced as a whole, and on disk when the
 * promise resolves. @throws KekFileInvalid
 */
export async function rotateKekFile(path: string): Promise<{ kekId: string }> {
  const kekId = newKekId();
  await rewriteKekFile(path, ({ keks }) => ({ current: kekId, keks: new Map(keks).set(kekId, newKek()) }));
  return { kekId };
}

/** Takes a KEK out of the file for good. @throws KekFileInvalid when it is the current one, or not there. */
export async function removeKek(path: string, kekId: string): Promise<void> {
  await rewriteKekFile(path, ({ current, keks }) => {
    if (current === kekId) throw new KekFileInvalid(`${kekId} is the current KEK of ${path}.`);
    const left = new Map(keks);
    if (!left.delete(kekId)) throw new KekFileInvalid(`The KEK file ${path} has no ${kekId}.`);
    return { current, keks: left };
  });
}

async function rewriteKekFile(path: string, change: (ring: KekRing) => KekRing): Promise<void> {
  const real = await realpath(path).catch(() => path);
  const { mode, uid, gid } = await stat(real).catch((cause: unknown) => {
    throw new KekFileInvalid(`The KEK file ${path} must exist and be readable by this process.`, { cause });
  });
  const next = change(await readKekFile(real));
  const temporary = `${real}.new`;
  // Whoever else changes the file now has made it already; so has a change that was interrupted.
  await writeNew(temporary, textOf(next), () => new KekFileExists(interrupted(temporary, real)));
  try {
    await chmod(temporary, mode & 0o777);
    if (process.getuid?.() === 0) await chown(temporary, uid, gid);
    await rename(temporary, real);
  } catch (cause) {
    await unlink(temporary);
    throw notWritten(real, cause);
  }
  await syncDirectory(dirname(real));
}

function interrupted(temporary: string, real: string): string {
  return (
    `${temporary} is there: another command changes ${real} right now, or a \`kek rotate\` or \`kek retire\` was interrupted. ` +
    `It holds KEKs. When no such command runs, compare the two: once ${real} is whole and has every KEK that \`sealslot kek status\` ` +
    'calls needed, nothing needs what only the other has; then remove that, as you remove a KEK, and try again.'
  );
}

/**
 * Reads `{"current": "<id>", "keks": {"<id>": "<base64 of 32 bytes>"}}`. Symbolic links are followed and the file itself is judged,
 * since Kubernetes mounts secrets as links.
 * @throws KekFileInvalid
 */
export async function readKekFile(path: string): Promise<KekRing> {
  const file = await openExisting(path);
  try {
    // Asked of the open file, so that what is judged is what is read.
    const stat = await file.stat();
    if (!stat.isFile()) throw new KekFileInvalid(`The KEK file ${path} must be a regular file.`);
    if ((stat.mode & FORBIDDEN_MODE) !== 0) {
      throw new KekFileInvalid(
        `The KEK file ${path} must not be accessible to others nor writable by its group: chmod 600, or 640 for reading by the group.`,
      );
    }
    return parseKekFile(path, await file.readFile('utf8'));
  } finally {
    await file.close();
  }
}

function newKekId(): string {
  return `kek-${randomBytes(8).toString('hex')}`;
}

function newKek(): KeyObject {
  const bytes = randomBytes(KEK_BYTES);
  const kek = createSecretKey(bytes);
  bytes.fill(0);
  return kek;
}

function textOf({ current, keks }: KekRing): string {
  const entries = [...keks].map(([id, kek]) => [id, kek.export().toString('base64')]);
  return JSON.stringify({ current, keks: Object.fromEntries(entries) as object }, null, 2) + '\n';
}

/** Mode 0600, and synced. @throws KekFileExists, KekFileInvalid */
async function writeNew(path: string, text: string, exists = () => existing(path)): Promise<void> {
  const file = await openNew(path, exists);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (cause) {
    // A file cut short would only stand in the way of the next try.
    await unlink(path);
    throw notWritten(path, cause);
  } finally {
    await file.close();
  }
}

function parseKekFile(path: string, text: string): KekRing {
  const invalid = (rule: string): KekFileInvalid => new KekFileInvalid(`The KEK file ${path}: ${rule}`);

  const json = parseJson(text);
  if (!isRecord(json) || !isRecord(json['keks']) || Object.keys(json).sort().join() !== 'current,keks') {
    throw invalid('it must be a JSON object with exactly "current" and "keks", "keks" being an object.');
  }
  const { current, keks: entries } = json;

  const keks = new Map<string, KeyObject>();
  for (const [index, [id, value]] of Object.entries(entries as object).entries()) {
    // Entries are named by position: an id could be a key put on the wrong side of the colon.
    const entry = `entry ${index + 1} of "keks"`;
    if (!KEK_ID.test(id)) throw invalid(`${entry}: its id must be 1 to 64 letters, digits, ".", "_" or "-".`);
    const kek = decodeKek(value);
    if (!kek) throw invalid(`${entry}: its value must be the base64 form of ${KEK_BYTES} bytes.`);
    keks.set(id, kek);
  }
  if (typeof current !== 'string' || !keks.has(current)) throw invalid('"current" must be an id in "keks".');
  return { current, keks };
}

function decodeKek(value: unknown): KeyObject | undefined {
  if (typeof value !== 'string') return undefined;
  const bytes = Buffer.from(value, 'base64');
  // Node skips what is not base64; encoding back shows whether all of the text counted.
  if (bytes.length !== KEK_BYTES || bytes.toString('base64') !== value) return undefined;
  const kek = createSecretKey(bytes);
  bytes.fill(0);
  return kek;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's error quotes the text, so it must not become a cause.
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function openNew(path: string, exists: () => KekFileExists): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT') throw new KekFileInvalid(`The folder of ${path} must exist.`, { cause });
    throw code === 'EEXIST' ? exists() : notWritten(path, cause);
  }
}

const existing = (path: string): KekFileExists =>
  new KekFileExists(`${path} exists already, and a KEK file is never overwritten.`);

const WHY: Readonly<Record<string, string>> = {
  EACCES: 'this process may not write to its folder',
  EPERM: 'this process may not write to its folder',
  EROFS: 'its file system is read-only',
  ENOSPC: 'its disk is full',
  EDQUOT: 'its disk is full for this user',
  EBUSY: 'it is mounted by itself; mount its folder',
};

/** Nothing was changed. */
function notWritten(path: string, cause: unknown): unknown {
  const code = codeOf(cause);
  if (code === undefined) return cause;
  return new KekFileInvalid(
    `${path} cannot be written: ${WHY[code] ?? 'the file system refuses it'} (${code}).`,
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

async function openExisting(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw new KekFileInvalid(`The KEK file ${path} must exist and be readable by this process.`, { cause });
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
