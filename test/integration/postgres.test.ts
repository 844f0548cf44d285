import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { DependencyUnavailable, QuotaExceeded } from '../../src/errors.ts';
import { openPostgresStore, type PostgresStoreOptions } from '../../src/store/adapters/postgres.ts';
import { sqlState } from '../../src/store/adapters/postgres/errors.ts';
import type { Connection } from '../../src/store/adapters/postgres/connection.ts';
import { settle } from '../../src/store/adapters/postgres/uploads/settle.ts';
import { IntermediateGone, KekRetired } from '../../src/store/errors.ts';
import type { IdempotencyRecord, Store } from '../../src/store/port.ts';
import {
  grantOf,
  idempotencyOf,
  idOf,
  insertOne,
  intermediateOf,
  NOW,
  uploadOf,
  wrappedBy,
  wrappedOf,
} from '../contract/store-rows.ts';
import { available } from '../support/available.ts';
import { connectionTo, storeOptions } from '../support/postgres-store.ts';
import { startPostgres, type PostgresDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/processes.ts';
import { swallowingProxy } from '../support/swallowing-proxy.ts';

const postgres = await available(() => startPostgres());
after(() => postgres.stop());

const IMPATIENT = { connectMs: 2_000, statementMs: 1_600, lockMs: 300, wholeMs: 2_400, idleMs: 60_000 };

describe('the store on PostgreSQL', { skip: postgres.skip }, () => {
  let database: PostgresDatabase;
  let store: Store;
  const opened: { close(): Promise<void> }[] = [];
  beforeEach(async () => {
    database = await postgres.get().createDatabase();
    store = await open();
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });

  async function open(changes: Partial<PostgresStoreOptions> = {}): Promise<Store> {
    const one = await openPostgresStore(storeOptions(postgres.get(), database, changes));
    opened.push(one);
    return one;
  }
  async function connect(changes: Partial<PostgresStoreOptions> = {}): Promise<Connection> {
    const one = await connectionTo(storeOptions(postgres.get(), database, changes));
    opened.push(one);
    return one;
  }
  /** Its name leads to a server that speaks in clear to this process alone. */
  const inClear = (port: number) => ({ host: '127.0.0.1', port, tls: undefined, timeouts: IMPATIENT });
  const isThere = async (n: number) => (await store.uploads.get('acme', idOf(n))) !== undefined;
  const works = () =>
    store.check().then(
      () => true,
      () => false,
    );
  const waiting = (event: string) => async () => {
    const [row] = await database.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1`,
      [event],
    );
    return Number(row?.['n']) > 0;
  };

  describe('when the server goes away', () => {
    it('says so, and goes on when it is back, with what it had acknowledged', async () => {
      const server = postgres.get();
      await insertOne(store, uploadOf(1));
      await server.stopImmediately();
      await assert.rejects(store.check(), DependencyUnavailable);
      await assert.rejects(insertOne(store, uploadOf(2)), DependencyUnavailable);
      await server.start();
      await waitUntil('the store', works);
      assert.equal(await isThere(1), true);
      assert.equal(await isThere(2), false);
      await insertOne(store, uploadOf(2));
    });

    it('goes on after its connections were ended while nobody used them', async () => {
      await Promise.all([1, 2, 3, 4].map(() => store.check()));
      await database.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
      await waitUntil('the store', works);
      await insertOne(store, uploadOf(1));
    });

    it('hears of a server that takes no writes, and goes on when it does', async () => {
      const readOnly = async (value: string) => {
        await database.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
        await database.query('SELECT pg_reload_conf()');
      };
      await insertOne(store, uploadOf(1));
      await readOnly('on');
      try {
        await waitUntil('the refusal', () =>
          insertOne(store, uploadOf(2))
            .then(() => store.uploads.update(idOf(2), ['issued'], { etag: 'x' }))
            .then(
              () => false,
              (error: unknown) => error instanceof DependencyUnavailable,
            ),
        );
        // Whatever connection it had: a new one is refused as well.
        await assert.rejects(open(), DependencyUnavailable);
        await assert.rejects(store.check(), DependencyUnavailable);
      } finally {
        await readOnly('off');
      }
      await waitUntil('the store', works);
      await insertOne(store, uploadOf(3));
      assert.equal(await isThere(1), true);
    });
  });

  describe('when answers are lost', () => {
    it('of a slot, the same call with the same key finds it', async () => {
      await using proxy = await swallowingProxy(postgres.get().port);
      const other = await open(inClear(proxy.port));
      await insertOne(other, uploadOf(9));
      proxy.goQuietAt('order-17');
      const attempt = insertOne(other, uploadOf(1), wrappedOf(), idempotencyOf(1));
      await assert.rejects(attempt, DependencyUnavailable);
      await waitUntil('the commit', () => isThere(1));
      const again = await insertOne(other, uploadOf(2), wrappedOf(), idempotencyOf(2));
      assert.deepEqual(again, idempotencyOf(1));
      assert.equal(await isThere(2), false);
    });

    it('of a COMMIT, it is not known that it took place, which it did', async () => {
      await using proxy = await swallowingProxy(postgres.get().port);
      const connection = await connect(inClear(proxy.port));
      proxy.goQuietAt('COMMIT');
      const count = () => database.query(`SELECT 1 FROM leases WHERE name = 'a'`);
      await assert.rejects(
        connection.write((session) =>
          session.run(`INSERT INTO leases (name, holder, ends_at) VALUES (:name, 'h', 1)`, { name: 'a' }),
        ),
        DependencyUnavailable,
      );
      await waitUntil('the commit', async () => (await count()).length === 1);
      // And the next one goes over another connection.
      await connection.write((session) => session.run('DELETE FROM leases'));
    });

    it('closes all the same', async () => {
      await using proxy = await swallowingProxy(postgres.get().port);
      const other = await openPostgresStore(storeOptions(postgres.get(), database, inClear(proxy.port)));
      proxy.goQuietAt('SELECT id FROM uploads');
      await assert.rejects(other.check(), DependencyUnavailable);
      await other.close();
    });
  });

  describe('its connections', () => {
    it('are waited for so long, and no longer', async () => {
      const connection = await connect({
        connections: 1,
        timeouts: { ...IMPATIENT, wholeMs: 60_000, connectMs: 1_000 },
      });
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const begun = Promise.withResolvers<undefined>();
      const held = connection.read(async () => {
        begun.resolve(undefined);
        await promise;
      });
      await Promise.race([begun.promise, held]);
      await assert.rejects(connection.one('SELECT 1 AS one'), DependencyUnavailable);
      resolve(undefined);
      await held;
      assert.deepEqual(await connection.one('SELECT 1 AS one'), [{ one: 1 }]);
    });

    it('are told by their use', async () => {
      const connection = await connect({ connections: 2 });
      const one = () => {
        const { promise, resolve } = Promise.withResolvers<undefined>();
        const begun = Promise.withResolvers<undefined>();
        const ended = connection.read(async () => {
          begun.resolve(undefined);
          await promise;
        });
        return { begun: begun.promise, end: () => (resolve(undefined), ended) };
      };
      assert.deepEqual(connection.use, { most: 2, inUse: 0, idle: 0, waiting: 0 });
      const [first, second, third] = [one(), one(), one()];
      await Promise.all([first.begun, second.begun]);
      assert.deepEqual(connection.use, { most: 2, inUse: 2, idle: 0, waiting: 1 });
      await first.end();
      await third.begun;
      assert.deepEqual(connection.use, { most: 2, inUse: 2, idle: 0, waiting: 0 });
      await Promise.all([second.end(), third.end()]);
      assert.deepEqual(connection.use, { most: 2, inUse: 0, idle: 2, waiting: 0 });
      assert.equal(store.connections?.().most, 10);
    });

    it('flush what they acknowledge, whatever the database is set to', async () => {
      for (const [set, becomes] of [
        ['off', 'on'],
        ['local', 'on'],
        ['remote_apply', 'remote_apply'],
      ]) {
        await database.query(`ALTER DATABASE ${database.name} SET synchronous_commit = ${set}`);
        const connection = await connect();
        assert.deepEqual(await connection.one('SHOW synchronous_commit'), [{ synchronous_commit: becomes }]);
      }
    });

    it('are given back by a statement that fails, and by a transaction that is given up', async () => {
      const connection = await connect({ connections: 1 });
      const pid = async () => (await connection.one('SELECT pg_backend_pid() AS pid'))[0]?.['pid'];
      const first = await pid();
      await assert.rejects(connection.one('SELECT 1 / 0 AS one'), (error) => sqlState(error) === '22012');
      await assert.rejects(
        connection.write(async (session) => {
          await session.run(`INSERT INTO leases (name, holder, ends_at) VALUES ('a', 'h', 1)`);
          throw new RangeError('given up');
        }),
        RangeError,
      );
      assert.deepEqual(await connection.one('SELECT name FROM leases'), []);
      assert.equal(await pid(), first);
    });

    it('give no number that is beyond 2^53-1', async () => {
      const connection = await connect();
      const of = (value: string) => connection.one(`SELECT ${value}::bigint AS n`);
      assert.deepEqual(await of('9007199254740991'), [{ n: Number.MAX_SAFE_INTEGER }]);
      await assert.rejects(of('9007199254740992'), DependencyUnavailable);
      assert.deepEqual(await of('1'), [{ n: 1 }]);
    });
  });

  describe('a transaction', () => {
    it('that holds a failed statement is not taken for committed', async () => {
      const connection = await connect();
      await assert.rejects(
        connection.write(async (session) => {
          await session.run(`INSERT INTO leases (name, holder, ends_at) VALUES ('a', 'h', 1)`);
          await session.get('SELECT 1 / 0 AS one').catch(() => undefined);
        }),
        DependencyUnavailable,
      );
      assert.deepEqual(await connection.one('SELECT name FROM leases'), []);
    });

    it('runs again after a deadlock', async () => {
      const connection = await connect({
        timeouts: { ...IMPATIENT, lockMs: 20_000, statementMs: 20_000, wholeMs: 30_000, connectMs: 5_000 },
      });
      await database.query(`INSERT INTO leases (name, holder, ends_at) VALUES ('a', 'h', 0), ('b', 'h', 0)`);
      let begun = 0;
      const { promise: both, resolve } = Promise.withResolvers<undefined>();
      const change = (...names: string[]) =>
        connection.write(async (session) => {
          for (const name of names) {
            await session.run('UPDATE leases SET ends_at = ends_at + 1 WHERE name = :name', { name });
            begun += 1;
            if (begun === 2) resolve(undefined);
            await both;
          }
        });
      await Promise.all([change('a', 'b'), change('b', 'a')]);
      assert.deepEqual(await connection.one('SELECT name, ends_at FROM leases ORDER BY name'), [
        { name: 'a', ends_at: 2 },
        { name: 'b', ends_at: 2 },
      ]);
      assert.ok(begun > 4);
    });
  });

  it('works on while a newer version adds a column', async () => {
    const all = async (n: number) => {
      const upload = uploadOf(n);
      await insertOne(store, upload, wrappedOf(), idempotencyOf(n, { key: `k${n}` }));
      assert.deepEqual(await store.uploads.get('acme', upload.id), upload);
      for (const state of [undefined, 'issued', 'expired', 'uploaded'] as const)
        await store.uploads.list('acme', { ...(state && { state }), limit: 5, now: NOW });
      await store.uploads.findIdempotent('acme', 'key:ci', `k${n}`, NOW);
      assert.equal((await store.uploads.extend([upload.id], NOW + 1)).length, 1);
      assert.equal((await store.uploads.makeDue([upload.id], NOW)).length, 1);
      assert.ok(await store.uploads.update(upload.id, ['issued'], { state: 'expired' }));
    };
    // Often enough for the server to keep the plans.
    for (let n = 1; n <= 7; n += 1) await all(n);
    for (const table of ['uploads', 'keys', 'idempotency'])
      await database.query(`ALTER TABLE ${table} ADD COLUMN later TEXT`);
    for (let n = 11; n <= 13; n += 1) await all(n);
  });

  describe('calls that are stored together', () => {
    it('fail alone', async () => {
      await insertOne(store, uploadOf(3));
      const results = await Promise.allSettled([
        ...[1, 2, 3, 4].map((n) => insertOne(store, uploadOf(n))),
        insertOne(store, uploadOf(5, { filename: 'a\u0000b' })),
        insertOne(store, uploadOf(6), wrappedOf(), idempotencyOf(6)),
        insertOne(
          store,
          uploadOf(7),
          wrappedOf(),
          idempotencyOf(7, { principal: randomBytes(4_000).toString('hex') }),
        ),
        insertOne(store, uploadOf(8)),
      ]);
      const failed = results.flatMap(({ status }, n) => (status === 'rejected' ? [n + 1] : []));
      assert.ok(!failed.includes(1) && failed.includes(3) && failed.includes(5), failed.join());
      for (const [n, { status }] of results.entries())
        assert.equal(await isThere(n + 1), status === 'fulfilled' || n + 1 === 3, String(n + 1));
    });

    it('do not fail for a lock that only some of them want', async () => {
      const patient = { ...IMPATIENT, connectMs: 10_000, wholeMs: 20_000, statementMs: 10_000 };
      const connection = await connect({ timeouts: patient });
      const other = await open({ timeouts: patient });
      for (const n of [1, 2]) await other.grants.insert(grantOf(n));
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const ready = Promise.withResolvers<undefined>();
      const holding = connection.write(async (session) => {
        await session.get('SELECT id FROM grants WHERE id = :id FOR UPDATE', { id: idOf(1) });
        ready.resolve(undefined);
        await promise;
      });
      await ready.promise;
      const by = (n: number) => ({ tenant: 'acme', id: idOf(n), createdBy: 'key:ci' });
      const calls = [
        { n: 1, grant: by(1) },
        { n: 2, grant: by(2) },
        { n: 3, grant: undefined },
        { n: 4, grant: by(1) },
        { n: 5, grant: by(2) },
      ].map(({ n, grant }) => ({
        slots: [{ upload: uploadOf(n), key: wrappedOf(), hasCopy: false }],
        idempotency: undefined,
        now: NOW,
        grant,
        quotas: [],
      }));
      const writer = await connect({ timeouts: patient });
      const verdicts = await settle(writer, calls);
      resolve(undefined);
      await holding;
      assert.deepEqual(
        verdicts.map(({ kind }) => kind),
        ['refused', 'stored', 'stored', 'refused', 'stored'],
      );
      const there = await Promise.all([1, 2, 3, 4, 5].map(isThere));
      assert.deepEqual(there, [false, true, true, false, true]);
      assert.deepEqual(
        await Promise.all([1, 2].map(async (n) => (await other.grants.get('acme', idOf(n)))?.used)),
        [grantOf(1).used, grantOf(2).used + 2],
      );
      // Those that all want it are refused as one.
      const held = connection.write(async (session) => {
        await session.get('SELECT id FROM grants WHERE id = :id FOR UPDATE', { id: idOf(1) });
        await assert.rejects(
          settle(
            writer,
            calls.filter(({ grant }) => grant?.id === idOf(1)),
          ),
          (error) => sqlState(error) === '55P03',
        );
      });
      await held;
    });

    it('know of a KEK that is retired while they wait', async () => {
      const connection = await connect();
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const ready = Promise.withResolvers<undefined>();
      const retired = connection.write(async (session) => {
        await session.run('LOCK TABLE keys, intermediate_keys IN SHARE MODE');
        await session.run(
          `INSERT INTO retired_keks (wrapper_id, kek_id, retired_at) VALUES ('local', 'kek-1', 1)`,
        );
        ready.resolve(undefined);
        await promise;
      });
      await ready.promise;
      // The plan is prepared and kept, as in a process that has worked for long.
      const attempts = [1, 2, 3].map((n) =>
        insertOne(store, uploadOf(n), wrappedBy(n === 2 ? 'kek-2' : 'kek-1')),
      );
      const ended = Promise.allSettled(attempts);
      await waitUntil('a writer that waits', waiting('relation'));
      resolve(undefined);
      await retired;
      const [first, second, third] = await ended;
      assert.ok(first?.status === 'rejected' && first.reason instanceof KekRetired);
      assert.equal(second?.status, 'fulfilled');
      assert.ok(third?.status === 'rejected' && third.reason instanceof KekRetired);
      assert.deepEqual([await isThere(1), await isThere(2), await isThere(3)], [false, true, false]);
    });

    it('know of an intermediate key that is destroyed while they wait', async () => {
      const { id } = intermediateOf(1);
      await database.query(
        `INSERT INTO intermediate_keys (id, tenant, period, version, wrapper_id, kek_id, wrapped, wraps_new, created_at)
         VALUES ($1, 'acme', '2027', 1, 'local', 'kek-1', '\\x00', 1, 1)`,
        [id],
      );
      const under = () => wrappedBy(id, 'intermediate');
      for (let n = 20; n < 27; n += 1) await insertOne(store, uploadOf(n), under());
      const connection = await connect();
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const ready = Promise.withResolvers<undefined>();
      const destroyed = connection.write(async (session) => {
        await session.get('SELECT id FROM intermediate_keys WHERE id = :id FOR UPDATE', { id });
        await session.run('UPDATE intermediate_keys SET wrapped = NULL, destroyed_at = 1 WHERE id = :id', {
          id,
        });
        ready.resolve(undefined);
        await promise;
      });
      await ready.promise;
      const ended = Promise.allSettled([
        insertOne(store, uploadOf(1), under()),
        insertOne(store, uploadOf(2)),
      ]);
      await waitUntil(
        'a writer that waits',
        async () => (await waiting('transactionid')()) || (await waiting('tuple')()),
      );
      resolve(undefined);
      await destroyed;
      const [gone, other] = await ended;
      assert.ok(gone.status === 'rejected' && gone.reason instanceof IntermediateGone);
      assert.equal(other.status, 'fulfilled');
      assert.deepEqual([await isThere(1), await isThere(2)], [false, true]);
    });
  });

  it('tells a call that has no room so, though another one was counted before it that is not stored', async () => {
    const connection = await connect();
    const quotas = [{ tenant: 'acme', principal: null, openSlots: 2, bytesPerDay: null }];
    const call = (ns: readonly number[], record?: IdempotencyRecord) => ({
      slots: ns.map((n) => ({ upload: uploadOf(n, { size: 1 }), key: wrappedOf(), hasCopy: false })),
      ...{ idempotency: record, now: NOW, grant: undefined, quotas },
    });
    await store.uploads.insert(call([1]).slots, idempotencyOf(1), NOW);
    const replay = call([2], idempotencyOf(2));
    const verdicts = await settle(connection, [replay, call([3, 4]), call([5]), call([6])]);
    assert.deepEqual(
      verdicts.map(({ kind }) => kind),
      ['replay', 'refused', 'again', 'again'],
    );
    assert.ok(verdicts[1]?.kind === 'refused' && verdicts[1].error instanceof QuotaExceeded);
    for (const n of [2, 3, 4, 5, 6]) assert.equal(await isThere(n), false);
  });

  it('does not take a slot for uploaded whose key is forgotten at the same moment', async () => {
    const upload = uploadOf(1, { state: 'expired' });
    await insertOne(store, upload);
    const connection = await connect();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const ready = Promise.withResolvers<undefined>();
    const forgotten = connection.write(async (session) => {
      await session.run('UPDATE uploads SET forgotten_at = 1 WHERE id = :id', { id: upload.id });
      await session.run('UPDATE keys SET wrapped = NULL, destroyed_at = 1 WHERE upload_id = :id', {
        id: upload.id,
      });
      ready.resolve(undefined);
      await promise;
    });
    await ready.promise;
    const late = store.uploads.update(upload.id, ['expired'], { state: 'uploaded' });
    await waitUntil('the late one', waiting('transactionid'));
    resolve(undefined);
    await forgotten;
    assert.equal(await late, undefined);
  });
});
