import type { Clock } from '../../clock.ts';
import type { Store } from '../port.ts';
import { DependencyUnavailable, SealslotError } from '../../errors.ts';
import { StoreSchemaRefused } from '../errors.ts';
import { MIGRATIONS } from '../migrations/sqlite/index.ts';
import { memoryRateLimits } from './memory-rate-limits.ts';
import { sqliteApiKeys } from './sqlite/api-keys.ts';
import { Connection, SQLITE, sqliteCode } from './sqlite/connection.ts';
import { sqliteIntermediates } from './sqlite/intermediates.ts';
import { sqliteCustody } from './sqlite/custody.ts';
import { sqliteKeys } from './sqlite/keys.ts';
import { sqliteGrants } from './sqlite/grants.ts';
import { sqliteLeases } from './sqlite/leases.ts';
import { acquireLock } from './sqlite/lock.ts';
import { migrate } from './sqlite/migrate.ts';
import { demandUnmoved } from './sqlite/move-mark.ts';
import { createPrivate, openDatabase } from './sqlite/open.ts';
import { sqliteOutbox } from './sqlite/outbox.ts';
import { sqliteUploads } from './sqlite/uploads.ts';

export interface SqliteStoreOptions {
  readonly path: string;
  /** True for the one process that serves; commands that run beside it open with false. */
  readonly exclusive: boolean;
  readonly now?: Clock;
}

/**
 * Opens, and creates or migrates, the store in one SQLite file.
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
    return storeOver(connection, lock);
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

/** The port over an open connection, which it closes at its end. */
export function storeOver(connection: Connection, lock: Disposable | undefined): Store {
  const probe = connection.prepare('SELECT id FROM uploads LIMIT 1');
  return {
    uploads: sqliteUploads(connection),
    keys: sqliteKeys(connection),
    intermediates: sqliteIntermediates(connection),
    custody: sqliteCustody(connection),
    outbox: sqliteOutbox(connection),
    grants: sqliteGrants(connection),
    apiKeys: sqliteApiKeys(connection),
    leases: sqliteLeases(connection),
    rateLimits: memoryRateLimits(),
    check: () =>
      connection.write(() => {
        probe.get();
      }),
    async close() {
      connection.close();
      lock?.[Symbol.dispose]();
    },
  };
}
