import type { Clock } from '../../clock.ts';
import type { Store } from '../port.ts';
import { DependencyUnavailable, SealslotError } from '../../errors.ts';
import { StoreSchemaRefused } from '../errors.ts';
import { MIGRATIONS } from '../migrations/sqlite/index.ts';
import { Connection, SQLITE, sqliteCode } from './sqlite/connection.ts';
import { acquireLock } from './sqlite/lock.ts';
import { migrate } from './sqlite/migrate.ts';
import { demandUnmoved } from './sqlite/move-mark.ts';
import { createPrivate, openDatabase } from './sqlite/open.ts';
import { storeOver } from './sqlite/store-over.ts';
import { writtenElsewhere } from './sqlite/writer/store.ts';

export interface SqliteStoreOptions {
  readonly path: string;
  /** True for the one process that serves; commands that run beside it open with false. */
  readonly exclusive: boolean;
  readonly now?: Clock;
}

/**
 * Opens, and creates or migrates, the store in one SQLite file. The process that serves writes in a thread of its own, in groups, so that
 * no request waits for the disk of another (decision 0034).
 * @throws StoreLocked when `exclusive` and another exclusive open of the same file lives.
 * @throws StoreSchemaRefused when the schema is not one this version knows, or the file no database.
 * @throws StoreMoved when it has been moved to another database, or is on its way there.
 * @throws DependencyUnavailable when the file cannot be opened.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  let lock: Disposable | undefined;
  let connection: Connection | undefined;
  try {
    const path = createPrivate(options.path);
    if (options.exclusive) lock = acquireLock(path);
    connection = new Connection(openDatabase(path));
    demandUnmoved(connection, options.path);
    migrate(connection, MIGRATIONS, options.now ?? Date.now);
    return lock === undefined ? storeOver(connection, lock) : writtenElsewhere(path, connection, lock);
  } catch (error) {
    connection?.close();
    lock?.[Symbol.dispose]();
    throw openingFailure(error, options.path);
  }
}

/** What is thrown for a failure to open the store at `path`. */
export function openingFailure(error: unknown, path: string): unknown {
  if (sqliteCode(error) === SQLITE.NOTADB) {
    return new StoreSchemaRefused(`${path} is no SQLite database; let store.path name the store.`);
  }
  return error instanceof SealslotError ? error : new DependencyUnavailable('store', error);
}
