import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import { openPostgresStore } from '../../src/store/adapters/postgres.ts';
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts';
import type { Store } from '../../src/store/port.ts';
import { available } from '../support/available.ts';
import { startPostgres, type PostgresDatabase } from '../support/postgres.ts';
import { PATIENT_TIMEOUTS, storeOptions } from '../support/postgres-store.ts';
import type { OpenedStore } from './store-rows.ts';
import { storeSuite } from './store-suite.ts';

for (const [name, exclusive] of [
  ['SQLite as it serves', true],
  ['SQLite of a command', false],
] as const) {
  storeSuite(name, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sealslot-store-'));
    return opened(
      () => openSqliteStore({ path: join(directory, 'store.db'), exclusive }),
      () => rm(directory, { recursive: true }),
    );
  });
}

const postgres = await available(() => startPostgres());
after(() => postgres.stop());

describe('on PostgreSQL', { skip: postgres.skip }, () => {
  let database: PostgresDatabase | undefined;
  storeSuite('PostgreSQL', async () => {
    const server = postgres.get();
    database ??= await server.createDatabase();
    const query = (sql: string) => database!.query(sql);
    const options = storeOptions(server, database, { timeouts: PATIENT_TIMEOUTS });
    return opened(
      () => openPostgresStore(options),
      () => emptied(query),
    );
  });
});

/** Its tables stay: to make a database takes long. */
async function emptied(query: PostgresDatabase['query']): Promise<void> {
  const tables = await query(
    `SELECT string_agg(quote_ident(tablename), ', ') AS names FROM pg_tables
     WHERE schemaname = 'public' AND tablename <> 'schema_migrations'`,
  );
  await query(`TRUNCATE ${String(tables[0]?.['names'])}`);
}

/** @param remove what the store lies in, once it is closed. */
async function opened(open: () => Promise<Store>, remove: () => Promise<void>): Promise<OpenedStore> {
  const first = await open();
  let store = first;
  return {
    store: first,
    async reopen() {
      await store.close();
      store = await open();
      return store;
    },
    async close() {
      await store.close();
      await remove();
    },
  };
}
