import { closeSync, openSync, realpathSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { BUSY_TIMEOUT_MS, SQLITE, sqliteCode } from './connection.ts';

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

const BUSY_PAUSE_MS = 10;

/** @param alone nobody else may have it open then, in this process or another: SQLITE_BUSY if somebody has. */
export function openDatabase(path: string, { alone = false } = {}): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    // Before anything is read: a WAL that is first used in this mode is shared with nobody.
    if (alone) db.exec('PRAGMA locking_mode = EXCLUSIVE');
    const mode = journalInWal(db);
    if (mode !== 'wal') throw new Error(`SQLite cannot use a WAL here; the journal mode is ${String(mode)}`);
    // FULL: a commit is fsynced before it returns; NORMAL would fsync a WAL only at checkpoints.
    db.exec('PRAGMA synchronous = FULL; PRAGMA secure_delete = ON');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Of two that turn the journal of a new file into a WAL at once, SQLite tells one "busy" without the patience that it has elsewhere. */
function journalInWal(db: DatabaseSync): unknown {
  const end = performance.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      return db.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
    } catch (error) {
      if (sqliteCode(error) !== SQLITE.BUSY || performance.now() >= end) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_PAUSE_MS);
    }
  }
}
