import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { postgresStore, startPostgres, type Postgres, type PostgresDatabase } from '../support/postgres.ts';
import { startService, type Service } from '../support/service.ts';

const SLOTS = 10;
/** Whoever does not ask for it has commits that nobody waits for, flushed after these seconds. */
const UNSAFE = ['synchronous_commit = off', 'wal_writer_delay = 10s'];
const postgres = await available(() => startPostgres({ settings: UNSAFE }));
after(() => postgres.stop());

/** Invariant 1 on PostgreSQL: a kill of the service cannot show it, for the server goes on and flushes late what it has acknowledged early. */
describe('the WAL of PostgreSQL when an answer is here', { skip: postgres.skip }, () => {
  const cases: readonly (readonly [
    string,
    (server: Postgres, database: PostgresDatabase) => readonly string[],
  ])[] = [
    ['server', () => []],
    ['database', (_server, { name }) => [`ALTER DATABASE ${name} SET synchronous_commit = off`]],
    [
      'role in this database',
      ({ user }, { name }) => [`ALTER ROLE ${user} IN DATABASE ${name} SET synchronous_commit = off`],
    ],
  ];
  for (const [whose, settings] of cases) {
    it(`is flushed as far as the call has written, though the ${whose} does not ask for it`, async () => {
      const server = postgres.get();
      const database = await server.createDatabase();
      for (const sql of settings(server, database)) await database.query(sql);
      assert.deepEqual(await database.query('SHOW synchronous_commit'), [{ synchronous_commit: 'off' }]);
      await using service = await startService({ store: postgresStore(database, server) });
      const flushed = await flushes(service, database);
      assert.deepEqual(
        flushed,
        Array.from({ length: 3 * SLOTS }, () => true),
      );
    });
  }

  it('the control: a commit of a session as the server has it is not', async () => {
    const database = await postgres.get().createDatabase();
    await database.query('CREATE TABLE t (n int)');
    const flushed: boolean[] = [];
    for (let n = 0; n < SLOTS; n += 1)
      flushed.push(await isFlushedBy(database, () => database.query(`INSERT INTO t VALUES (${n})`)));
    assert.ok(flushed.includes(false), 'else nothing is shown by what is above');
  });
});

/** Of each of a few slots that are made, asked for again and removed, whether that is flushed when its answer is here. */
async function flushes(service: Service, database: PostgresDatabase): Promise<boolean[]> {
  const flushed: boolean[] = [];
  const call = (method: string, path: string, status: number, body?: unknown): Promise<boolean> =>
    isFlushedBy(database, async () => {
      const answer = await service.call(method, path, body === undefined ? {} : { body });
      assert.equal(answer.status, status);
      id = answer.body.id as string;
    });
  let id = '';
  for (let n = 0; n < SLOTS; n += 1) {
    flushed.push(await call('POST', '/v1/uploads', 201, { contentType: 'text/plain', size: 3 }));
    flushed.push(await call('POST', `/v1/uploads/${id}/request`, 200));
    flushed.push(await call('DELETE', `/v1/uploads/${id}`, 202));
  }
  return flushed;
}

/** Whether the WAL is flushed, when the work is done, beyond where it ended before. */
async function isFlushedBy(database: PostgresDatabase, work: () => Promise<unknown>): Promise<boolean> {
  const [before] = await database.query('SELECT pg_current_wal_insert_lsn() AS lsn');
  await work();
  const [after] = await database.query('SELECT pg_current_wal_flush_lsn() > $1 AS flushed', [
    before?.['lsn'],
  ]);
  return after?.['flushed'] === true;
}
