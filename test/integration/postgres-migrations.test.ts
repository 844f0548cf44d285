import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { DependencyUnavailable } from '../../src/errors.ts';
import type { Connection } from '../../src/store/adapters/postgres/connection.ts';
import { migrate } from '../../src/store/adapters/postgres/migrate.ts';
import { StoreSchemaRefused } from '../../src/store/errors.ts';
import { MIGRATIONS, type PostgresMigration } from '../../src/store/migrations/postgres/index.ts';
import { openPostgresStore } from '../../src/store/adapters/postgres.ts';
import { insertOne, uploadOf } from '../contract/store-rows.ts';
import { available } from '../support/available.ts';
import { connectionTo, storeOptions } from '../support/postgres-store.ts';
import { startPostgres, type PostgresDatabase } from '../support/postgres.ts';

const postgres = await available(() => startPostgres());
after(() => postgres.stop());

const ADDS: PostgresMigration = {
  ...{ id: 1001, name: 'adds', kind: 'script', additive: true },
  sql: 'CREATE TABLE further (n BIGINT); ALTER TABLE uploads ADD COLUMN further BIGINT',
};
const CHANGES: PostgresMigration = {
  ...{ id: 1001, name: 'changes', kind: 'script', additive: false },
  sql: 'ALTER TABLE grants RENAME COLUMN used TO taken',
};
const INDEX: PostgresMigration = {
  ...{ id: 1001, name: 'index', kind: 'index', additive: true },
  index: 'leases_by_holder',
  sql: 'CREATE UNIQUE INDEX CONCURRENTLY leases_by_holder ON leases (holder)',
};

describe('migrations of a store on PostgreSQL', { skip: postgres.skip }, () => {
  let database: PostgresDatabase;
  const connections: Connection[] = [];
  beforeEach(async () => {
    database = await postgres.get().createDatabase();
  });
  afterEach(async () => {
    for (const connection of connections.splice(0)) await connection.close();
  });
  async function connect(): Promise<Connection> {
    const connection = await connectionTo(storeOptions(postgres.get(), database));
    connections.push(connection);
    return connection;
  }
  const at = () => 7;
  const version = async (...further: PostgresMigration[]) =>
    migrate(await connect(), [...MIGRATIONS, ...further], at);
  const applied = async () =>
    (await database.query('SELECT id::int AS id FROM schema_migrations ORDER BY id')).map(({ id }) => id);
  const known = MIGRATIONS.map(({ id }) => id);

  it('are applied once by several openers at once', async () => {
    await Promise.all([1, 2, 3, 4, 5].map(() => version(ADDS)));
    assert.deepEqual(await applied(), [...known, 1001]);
    const [row] = await database.query(
      'SELECT name, additive, applied_at::int AS at FROM schema_migrations WHERE id = 1001',
    );
    assert.deepEqual(row, { name: 'adds', additive: true, at: 7 });
  });

  it('of a newer version, which only add, let an older one work on beside it and open', async () => {
    const store = await openPostgresStore(storeOptions(postgres.get(), database));
    await insertOne(store, uploadOf(1));
    await version(ADDS);
    await insertOne(store, uploadOf(2));
    assert.deepEqual(await store.uploads.get('acme', uploadOf(1).id), uploadOf(1));
    await store.check();
    await store.close();
    const again = await openPostgresStore(storeOptions(postgres.get(), database));
    await insertOne(again, uploadOf(3));
    await again.close();
    await version();
  });

  it('of a newer version, which change what is there, refuse an older one', async () => {
    await version(CHANGES);
    await assert.rejects(version(), (error: unknown) => {
      assert.ok(error instanceof StoreSchemaRefused);
      assert.match(error.message, /migration 1001/);
      return true;
    });
    await version(CHANGES);
  });

  it('are refused that were changed after they were applied', async () => {
    await version(ADDS);
    await assert.rejects(version({ ...ADDS, sql: `${ADDS.sql} ` }), StoreSchemaRefused);
  });

  it('leave nothing of one that fails', async () => {
    await assert.rejects(version({ ...ADDS, sql: `${ADDS.sql}; SELECT 1 / 0` }), DependencyUnavailable);
    assert.deepEqual(await applied(), known);
    await version(ADDS);
    assert.deepEqual(await applied(), [...known, 1001]);
  });

  it('make an index beside those who write, and anew when it was broken off', async () => {
    await version();
    await database.query(`INSERT INTO leases (name, holder, ends_at) VALUES ('a', 'h', 1), ('b', 'h', 1)`);
    // Leaves an index behind that is not valid.
    await assert.rejects(version(INDEX), DependencyUnavailable);
    const valid = () =>
      database.query(
        `SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass('leases_by_holder')`,
      );
    assert.deepEqual(await valid(), [{ valid: false }]);
    assert.deepEqual(await applied(), known);
    await database.query(`DELETE FROM leases WHERE name = 'b'`);
    await Promise.all([1, 2, 3].map(() => version(INDEX)));
    assert.deepEqual(await valid(), [{ valid: true }]);
    assert.deepEqual(await applied(), [...known, 1001]);
  });

  it('record an index that was made and not recorded', async () => {
    await version();
    await database.query('CREATE UNIQUE INDEX leases_by_holder ON leases (holder)');
    await version(INDEX);
    assert.deepEqual(await applied(), [...known, 1001]);
  });

  it('wait for who has a table, and hold up nobody for long meanwhile', async () => {
    await version();
    const connection = await connect();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const ready = Promise.withResolvers<undefined>();
    const held = connection.write(async (session) => {
      await session.get('SELECT id FROM uploads LIMIT 1');
      ready.resolve(undefined);
      await promise;
    });
    await ready.promise;
    const migrated = version(ADDS);
    for (let n = 0; n < 20; n += 1) await connection.one('SELECT id FROM uploads LIMIT 1');
    assert.deepEqual(await applied(), known);
    resolve(undefined);
    await held;
    await migrated;
    assert.deepEqual(await applied(), [...known, 1001]);
  });
});
