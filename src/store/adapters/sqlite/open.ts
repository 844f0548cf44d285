import { closeSync, openSync, realpathSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/**
 * Makes an empty file of mode 0600 where there is none; SQLite gives its `-wal` and `-shm` the mode of the database.
 * An existing file is not opened: closing any descriptor of it would drop the POSIX locks this process holds on it.
 * @returns the real path, one name per file.
 */
export function createPrivate(path: string): string {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return realpathSync(path);
}

export const BUSY_TIMEOUT_MS = 5000;

/** @param alone nobody else may have it open then, in this process or another: SQLITE_BUSY if somebody has. */
export function openDatabase(path: string, { alone = false } = {}): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    // Before anything is read: a WAL that is first used in this mode is shared with nobody.
    if (alone) db.exec('PRAGMA locking_mode = EXCLUSIVE');
    const mode = db.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
    if (mode !== 'wal') throw new Error(`SQLite cannot use a WAL here; the journal mode is ${String(mode)}`);
    // FULL: a commit is fsynced before it returns; NORMAL would fsync a WAL only at checkpoints.
    db.exec('PRAGMA synchronous = FULL; PRAGMA secure_delete = ON');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
