import { randomUUID } from 'node:crypto';
import { existsSync, realpathSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { StoreMoved } from '../../errors.ts';
import type { FileInspection, StoreState } from '../../inspection.ts';
import { MIGRATIONS, type Migration } from '../../migrations/sqlite/index.ts';
import { BUSY_TIMEOUT_MS, SQLITE, sqliteCode } from './connection.ts';
import { USAGE } from './keys/sql.ts';
import { toUsage } from '../sql/usage.ts';
import { demandUnmoved } from './move-mark.ts';
import { createPrivate, openDatabase } from './open.ts';
import { text } from '../sql/rows.ts';
import { APPLIED, schemaState, type SchemaState } from './schema-state.ts';

const SCRATCH_BYTES = 64 * 1024;

/**
 * Looks at a store, also beside the service that serves from it. No descriptor of the store's own files is opened but by SQLite:
 * closing it would drop the POSIX locks that this process may hold on them.
 */
export async function inspectSqliteStore(
  path: string,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<FileInspection> {
  const real = realPath(path);
  return {
    kind: 'sqlite',
    path: real,
    ...contentOf(real, migrations),
    served: isServed(real),
    writeFailure: tryWriting(dirname(real)),
  };
}

/** Of a file that may not exist yet. */
function realPath(path: string): string {
  try {
    return existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}

type Content = Pick<FileInspection, 'state' | 'usage'>;

function contentOf(path: string, migrations: readonly Migration[]): Content {
  if (statSync(path, { throwIfNoEntry: false })?.size === 0 || !existsSync(path))
    return without({ kind: 'absent' });
  const wal = `${path}-wal`;
  const closed = !existsSync(wal);
  const content = read(path, closed, migrations);
  // A service has begun meanwhile, so what was read as unchanging may have changed.
  return closed && existsSync(wal) ? read(path, false, migrations) : content;
}

const without = (state: StoreState): Content => ({ state, usage: undefined });

/** @param closed nobody has it open: `immutable` then keeps SQLite from leaving an empty WAL behind. */
function read(path: string, closed: boolean, migrations: readonly Migration[]): Content {
  let db: DatabaseSync | undefined;
  try {
    const url = pathToFileURL(path);
    if (closed) url.searchParams.set('immutable', '1');
    db = new DatabaseSync(url, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    const tables = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all();
    const isNew = tables.length === 0;
    if (!isNew && !tables.some((row) => row['name'] === 'schema_migrations'))
      return without({ kind: 'foreign' });
    const complaint = text(db.prepare('PRAGMA quick_check(1)').get() ?? {}, 'quick_check');
    if (complaint !== 'ok') return without({ kind: 'damaged', complaint });
    demandUnmoved(db, path);
    const state = told(schemaState(isNew ? [] : db.prepare(APPLIED).all(), migrations));
    const isCurrent = state.kind === 'sound' && state.pending.length === 0;
    return { state, usage: isCurrent ? toUsage(db.prepare(USAGE).all()) : undefined };
  } catch (error) {
    return without(failed(error));
  } finally {
    if (db?.isOpen === true) db.close();
  }
}

function told(state: SchemaState): StoreState {
  const title = ({ id, name }: Migration) => `${id} (${name})`;
  switch (state.kind) {
    case 'newer':
      return state;
    case 'changed':
      return { kind: 'changed', migration: title(state.migration) };
    case 'known':
      return { kind: 'sound', applied: state.applied, pending: state.pending.map(title) };
  }
}

function failed(error: unknown): StoreState {
  if (error instanceof StoreMoved) return { kind: 'moved', reason: error.message };
  const code = sqliteCode(error);
  const reason = error instanceof Error ? error.message : 'unknown failure';
  if (code === SQLITE.NOTADB) return { kind: 'foreign' };
  if (code === SQLITE.CORRUPT) return { kind: 'damaged', complaint: reason };
  return { kind: 'unreadable', reason };
}

/** The service's exclusive transaction on the lock file shuts readers out. This one reads for microseconds. */
function isServed(path: string): boolean {
  const lock = `${path}.lock`;
  if (!existsSync(lock)) return false;
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(lock, { readOnly: true, timeout: 0 });
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    return sqliteCode(error) === SQLITE.BUSY;
  } finally {
    db?.close();
  }
}

/** Does what the first start does: makes a WAL database, commits, checkpoints. All in one go, so that no Ctrl-C comes between. */
function tryWriting(folder: string): string | undefined {
  const path = join(folder, `.sealslot-doctor-${randomUUID()}.db`);
  let db: DatabaseSync | undefined;
  try {
    db = openDatabase(createPrivate(path));
    db.exec(`CREATE TABLE scratch (bytes BLOB); INSERT INTO scratch VALUES (randomblob(${SCRATCH_BYTES}))`);
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    return undefined;
  } catch (error) {
    return errnoOf(error);
  } finally {
    db?.close();
    for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) rmSync(file);
  }
}

function errnoOf(error: unknown): string {
  const code = sqliteCode(error);
  if (code === SQLITE.FULL) return 'ENOSPC';
  if (code === SQLITE.READONLY) return 'EROFS';
  if (code === undefined && error instanceof Error && 'code' in error) return String(error.code);
  return error instanceof Error ? error.message : 'unknown failure';
}
