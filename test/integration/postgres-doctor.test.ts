import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { inspectStore, lookForStore, openStore } from '../../src/composition.ts';
import type { Config, PostgresConfig } from '../../src/config/config.ts';
import { DEFAULTS } from '../../src/config/defaults.ts';
import { examineStore } from '../../src/doctor/local/store.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { Secret } from '../../src/secret.ts';
import { available } from '../support/available.ts';
import { makeCa } from '../support/ca.ts';
import { startPostgres, type PostgresDatabase } from '../support/postgres.ts';
import { freePort } from '../support/processes.ts';

const postgres = await available(() => startPostgres());
after(() => postgres.stop());

describe('doctor, a store on PostgreSQL', { skip: postgres.skip }, () => {
  const configOf = (
    { name }: Pick<PostgresDatabase, 'name'>,
    other: Partial<PostgresConfig> = {},
  ): PostgresConfig => {
    const { host, port, user, password, caFile } = postgres.get();
    return {
      kind: 'postgres',
      hosts: [{ host, port }],
      ...{ database: name, user, password: new Secret(password), passwordFile: undefined },
      tls: { ca: postgres.get().caPem, client: undefined, caFile },
      pool: DEFAULTS.postgres.pool,
      timeouts: DEFAULTS.postgres.timeouts,
      ...other,
    };
  };
  async function examine(store: PostgresConfig): Promise<Map<string, Finding>> {
    const findings = await Array.fromAsync(examineStore(store, inspectStore));
    return new Map(findings.map((finding) => [finding.check, finding]));
  }
  const make = async (store: PostgresConfig) =>
    (await openStore({ store } as Config, { serves: true })).close();
  const outcomes = (found: Map<string, Finding>) =>
    [...found.values()]
      .filter(({ outcome }) => outcome !== 'ok')
      .map(({ check, outcome }) => `${check} ${outcome}`);

  it('finds a server right, before the tables are made and after, and makes none itself', async () => {
    const database = await postgres.get().createDatabase();
    const store = configOf(database);
    assert.deepEqual(outcomes(await examine(store)), ['store.schema note', 'store.standby note']);
    assert.deepEqual(await database.query(`SELECT 1 FROM pg_tables WHERE schemaname = 'public'`), []);
    assert.equal((await lookForStore(store)).isAbsent, true);
    await make(store);
    assert.equal((await lookForStore(store)).isAbsent, false);
    const found = await examine(store);
    assert.deepEqual(outcomes(found), ['store.standby note']);
    assert.match(found.get('store.tls')?.found ?? '', /^TLSv1\.3 .*verified$/);
    assert.match(found.get('store.connections')?.found ?? '', /1 replica of up to 10 connections/);
    assert.match(found.get('store.answers')?.found ?? '', /is PostgreSQL \d+\.\d+; to connect took \d+ ms/);
  });

  it('counts the processes that serve', async () => {
    const store = configOf(await postgres.get().createDatabase());
    const serving = await openStore({ store } as Config, { serves: true });
    await serving.check();
    const inspection = await inspectStore(store);
    assert.equal(inspection.kind === 'postgres' && inspection.server?.replicas, 1);
    await serving.close();
  });

  it('says what keeps it from the server', async () => {
    const database = await postgres.get().createDatabase();
    const folder = await mkdtemp(join(tmpdir(), 'sealslot-pg-ca-'));
    const { caPem } = await makeCa(folder);
    const cases: readonly (readonly [Partial<PostgresConfig>, RegExp, RegExp])[] = [
      [{ password: new Secret('wrong') }, /password authentication failed/, /store\.passwordFile/],
      [{ password: undefined }, /none is configured/, /store\.passwordFile/],
      [{ tls: { ca: caPem, client: undefined } }, /certificate|self.signed/, /store\.tls\.caFile/],
      [{ tls: { ca: undefined, client: undefined } }, /certificate|self.signed/, /store\.tls\.caFile/],
      [{ database: 'nobody_made_it' }, /does not exist/, /createdb/],
      [{ hosts: [{ host: '127.0.0.1', port: await freePort() }] }, /ECONNREFUSED/, /store\.host/],
    ];
    for (const [other, says, remedy] of cases) {
      const found = await examine(configOf(database, other));
      assert.deepEqual(outcomes(found), ['store.answers off'], says.source);
      assert.match(found.get('store.answers')?.found ?? '', says);
      assert.match(found.get('store.answers')?.remedy ?? '', remedy);
    }
    await rm(folder, { recursive: true });
  });

  it('says that there is no TLS only of this machine, and is content', async () => {
    const store = configOf(await postgres.get().createDatabase(), { tls: undefined });
    const { host, port } = postgres.get();
    assert.equal(host, 'localhost');
    const found = await examine({ ...store, hosts: [{ host, port }] });
    assert.equal(found.get('store.tls')?.found, 'none, on this machine');
  });

  it('tells a database that takes no writes', async () => {
    const database = await postgres.get().createDatabase();
    const store = configOf(database);
    await make(store);
    await database.query(`ALTER DATABASE ${database.name} SET default_transaction_read_only = on`);
    const found = await examine(store);
    assert.equal(found.get('store.answers')?.outcome, 'off');
    assert.match(found.get('store.answers')?.found ?? '', /read-only/);
    await assert.rejects(make(store), { code: 'dependency_unavailable' });
  });

  it('tells a role that may not write, and one that may not make tables', async () => {
    const database = await postgres.get().createDatabase();
    const role = `reader_${database.name}`;
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'reader'`);
    await database.query(`REVOKE CREATE ON SCHEMA public FROM PUBLIC`);
    const reader = configOf(database, { user: role, password: new Secret('reader') });
    assert.equal((await examine(reader)).get('store.schema')?.outcome, 'off');
    await make(configOf(database));
    await database.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
    const rights = (await examine(reader)).get('store.rights');
    assert.equal(rights?.outcome, 'off');
    assert.match(rights.found, /INSERT on uploads/);
    await database.query(`GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`);
    const found = await examine(reader);
    assert.deepEqual(outcomes(found), ['store.standby note']);
    await make(reader);
  });

  it('tells schemas of other versions and of other programs', async () => {
    const database = await postgres.get().createDatabase();
    const store = configOf(database);
    await make(store);
    const schema = async () => (await examine(store)).get('store.schema');
    await database.query(
      `INSERT INTO schema_migrations (id, name, sha256, additive, applied_at) VALUES (99, 'later', '', true, 0)`,
    );
    assert.match((await schema())?.found ?? '', /serves beside it/);
    await database.query('UPDATE schema_migrations SET additive = false WHERE id = 99');
    assert.match((await schema())?.found ?? '', /newer version has applied migration 99/);
    await database.query('DELETE FROM schema_migrations WHERE id = 99');
    await database.query(`UPDATE schema_migrations SET sha256 = 'x' WHERE id = 1`);
    assert.match((await schema())?.found ?? '', /is not the one that was applied/);
    await database.query('ALTER TABLE schema_migrations DROP COLUMN additive');
    assert.match((await schema())?.found ?? '', /another program/);
  });

  it('goes on to the host that takes writes', async () => {
    const { host, port } = postgres.get();
    const store = configOf(await postgres.get().createDatabase(), {
      hosts: [
        { host: '127.0.0.1', port: await freePort() },
        { host, port },
      ],
    });
    await make(store);
    assert.equal((await examine(store)).get('store.answers')?.outcome, 'ok');
  });

  it('closes the gate where a crash would lose what was acknowledged', async () => {
    await using server = await startPostgres({
      settings: ['fsync = off', 'full_page_writes = off', 'synchronous_commit = off', 'autovacuum = off'],
    });
    const { name } = await server.createDatabase();
    const { host, port, user, password, caPem } = server;
    const other = { hosts: [{ host, port }], user, password: new Secret(password) };
    const store = configOf({ name }, { ...other, tls: { ca: caPem, client: undefined } });
    const findings = await Array.fromAsync(examineStore(store, inspectStore));
    const unsafe = findings
      .filter(({ outcome }) => outcome === 'unsafe')
      .map(({ found }) => found.split(' ')[0]);
    // A session of the service turns `synchronous_commit` on for itself.
    assert.deepEqual(unsafe, ['fsync', 'full_page_writes']);
    assert.equal(findings.find(({ check }) => check === 'store.vacuum')?.outcome, 'off');
  });
});
