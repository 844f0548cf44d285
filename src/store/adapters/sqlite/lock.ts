import { DatabaseSync } from 'node:sqlite';
import { StoreLocked } from '../../errors.ts';
import { SQLITE, sqliteCode } from './connection.ts';
import { createPrivate } from './open.ts';

/** `sealslot doctor` looks at the lock for a moment; a service holds it for good. */
const PATIENCE_MS = 250;

/**
 * By real path. POSIX locks do not hold within one process, so what is held here is kept too; and a connection that nobody refers to would
 * be closed as garbage, which lets go of the lock.
 */
const held = new Map<string, DatabaseSync>();

/**
 * An exclusive transaction on a second database, `<path>.lock`, for the life of the process: the kernel lets go of it however the
 * process ends. The file stays behind; removing it would let two processes lock two files of one name.
 * @param path the store's real path.
 */
export function acquireLock(path: string): Disposable {
  if (held.has(path)) throw new StoreLocked(path);
  const db = new DatabaseSync(createPrivate(`${path}.lock`), { timeout: PATIENCE_MS });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    throw sqliteCode(error) === SQLITE.BUSY ? new StoreLocked(path) : error;
  }
  held.set(path, db);
  return {
    [Symbol.dispose]() {
      if (!db.isOpen) return;
      db.close();
      held.delete(path);
    },
  };
}
