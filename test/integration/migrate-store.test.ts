import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadConfig } from '../../src/config/load.ts';
import { openStore } from '../../src/composition.ts';
import { MOVED_TABLES } from '../../src/store/move/tables.ts';
import type { Store } from '../../src/store/port.ts';
import { idempotencyOf, idOf, insertOne, NOW, plain, uploadOf } from '../contract/store-rows.ts';
import { readStore, SLOTS } from '../support/full-store.ts';
import { startPostgres, type Postgres } from '../support/postgres.ts';
import { waitUntil } from '../support/processes.ts';
import { setUp, startService, storePath } from '../support/service.ts';
import {
  moveTemplate,
  moveWorld,
  NEW,
  type MoveWorld,
  type Run,
  type Template,
} from './support-migrate-store.ts';

describe('sealslot migrate-store', () => {
  let server: Postgres;
  let template: Template;
  before(async () => {
    [server, template] = await Promise.all([startPostgres(), moveTemplate()]);
  });
  after(async () => {
    await server.stop();
    await template[Symbol.asyncDispose]();
  });

  async function openNew({ dir }: MoveWorld): Promise<Store> {
    return openStore(await loadConfig({ path: join(dir, NEW), env: {} }), { serves: false });
  }

  /** What both ports say is equal; nothing else may stand behind one of them. */
  async function assertEqual(world: MoveWorld, old: unknown): Promise<void> {
    const store = await openNew(world);
    try {
      assert.deepEqual(plain(await readStore(store)), old);
    } finally {
      await store.close();
    }
  }

  async function readOld(world: MoveWorld): Promise<unknown> {
    const store = await world.openOld();
    const read = plain(await readStore(store));
    await store.close();
    return read;
  }

  function assertMoved({ code, stdout, stderr }: Run): void {
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^uploads +\d+ rows, SHA-256 [0-9a-f]{64}$/m);
    assert.match(stdout, /^All of .*sealslot\.db is in the database "sealslot_/m);
  }

  it('moves everything that a store can hold, and the same reads give the same answers', async () => {
    await using world = await moveWorld(server, template);
    const old = await readOld(world);
    const run = await world.migrate('--sample', 'all');
    assertMoved(run);
    await assertEqual(world, old);
    // All but the two of tenant "other", which nothing opens here.
    assert.match(run.stdout, /keys opened in both stores: 3\d/);
    assert.match(run.stderr, /opened nowhere before/);
    const counts = Object.fromEntries(
      await Promise.all(
        MOVED_TABLES.map(async ({ name }) => {
          const [row] = await world.database.query(`SELECT count(*)::int AS rows FROM ${name}`);
          return [name, row?.['rows']] as const;
        }),
      ),
    );
    const filled = { uploads: SLOTS, keys: SLOTS + 3, grants: 2, idempotency: 1, outbox: 5, retired_keks: 4 };
    for (const [name, rows] of Object.entries(filled)) {
      assert.ok(Number(counts[name]) >= rows, name);
    }
    assert.ok(
      MOVED_TABLES.every(({ name }) => Number(counts[name]) > 0),
      JSON.stringify(counts),
    );
  });

  it('leaves the file as it was, but for the mark that no service and no command passes', async () => {
    await using world = await moveWorld(server, template);
    assertMoved(await world.migrate());
    const refused = await world.run('serve');
    assert.equal(refused.code, 78);
    assert.match(refused.stderr, /has been moved to the database "sealslot_.*store_moved/s);
    await assert.rejects(world.openOld(), { code: 'store_moved' });
    const again = await world.migrate();
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /was moved .* nothing is left to do/);
    const other = await world.configFor(await server.createDatabase());
    const elsewhere = await world.run('migrate-store', '--to', other);
    assert.equal(elsewhere.code, 78);
    assert.match(elsewhere.stderr, /store_moved/);
    await (await openNew(world)).close();
  });

  it('numbers go on behind those that were moved', async () => {
    await using world = await moveWorld(server, template);
    assertMoved(await world.migrate());
    const store = await openNew(world);
    await insertOne(
      store,
      uploadOf(500),
      undefined,
      idempotencyOf(500, { key: 'new', uploadIds: [idOf(500)] }),
    );
    await store.close();
    const [numbers] = await world.database.query(
      `SELECT (SELECT max(id) = count(*) FROM idempotency) AS records,
        (SELECT nextval(pg_get_serial_sequence('outbox', 'seq')) > max(seq) FROM outbox) AS messages`,
    );
    assert.deepEqual(numbers, { records: true, messages: true });
  });

  it('a service on the new store replays what the old one issued: the same slot, the same customer key', async () => {
    await using world = await moveWorld(server, template);
    const body = { filename: '😀.pdf', contentType: 'application/pdf', size: 12_345 };
    const ask = { body, headers: { 'idempotency-key': 'order-1' } };
    const old = await startService({ dir: world.dir });
    const issued = await old.call('POST', '/v1/uploads', ask);
    assert.equal(issued.status, 201);
    const busy = await world.migrate();
    assert.equal(busy.code, 75);
    assert.match(busy.stderr, /store_locked.*Nothing was done/s);
    await old.stop();
    assertMoved(await world.migrate());

    await copyFile(join(world.dir, NEW), join(world.dir, 'sealslot.yaml'));
    await using service = await startService({ dir: world.dir });
    const replayed = await service.call('POST', '/v1/uploads', ask);
    assert.equal(replayed.status, 201);
    assert.equal(replayed.headers.get('idempotency-replayed'), 'true');
    assert.equal(replayed.body.id, issued.body.id);
    const header = 'x-amz-server-side-encryption-customer-key';
    assert.ok(issued.body.request.headers[header] === replayed.body.request.headers[header]);
    await service.stop();
  });

  describe('an end in between', () => {
    for (const table of ['uploads', 'keys', 'outbox', 'announced']) {
      it(`SIGKILL while it writes to ${table}: the same command goes on`, async () => {
        await using world = await moveWorld(server, template);
        const old = await readOld(world);
        // The schema, and no row.
        await (await openNew(world)).close();
        const killed = await world.heldAt(table, async (started) => started.kill());
        assert.equal(killed.code, null);
        await assert.rejects(world.openOld(), { code: 'store_moved', message: /is being moved to/ });
        await assert.rejects(openNew(world), { code: 'store_unfinished' });
        assertMoved(await world.migrate());
        await assertEqual(world, old);
      });
    }

    it('SIGKILL before the mark of the target, and between the two marks', async () => {
      await using world = await moveWorld(server, template);
      const old = await readOld(world);
      await (await openNew(world)).close();
      await world.heldAt('announced', async (started) => started.kill());
      await world.heldAt('store_move', async (started) => started.kill());
      await assert.rejects(openNew(world), { code: 'store_unfinished' });
      assertMoved(await world.migrate());
      const db = new DatabaseSync(storePath(world.dir));
      db.exec('UPDATE store_move SET finished_at = NULL');
      db.close();
      assert.match((await world.migrate()).stdout, /nothing is left to do/);
      await assert.rejects(world.openOld(), { code: 'store_moved', message: /has been moved to/ });
      await assertEqual(world, old);
    });

    it('SIGKILL at any moment of many batches', async () => {
      await using world = await moveWorld(server, template);
      {
        const store = await world.openOld();
        for (let n = 0; n < 12_000; n += 1_000) {
          const slots = Array.from({ length: 1_000 }, (_, k) => ({
            upload: uploadOf(1_000 + n + k),
            key: { wrapperId: 'gone', kekId: 'k', bytes: new Uint8Array(77).fill(n % 251) },
            hasCopy: false,
          }));
          await store.uploads.insert(slots, undefined, NOW);
        }
        await store.close();
      }
      const copied = async (): Promise<number> => {
        const rows = await world.database
          .query('SELECT sum(rows)::int AS rows FROM store_move_tables')
          .catch(() => []);
        return Number(rows[0]?.['rows'] ?? 0);
      };
      let kills = 0;
      for (const least of [2_000, 6_000, 14_000, 20_000]) {
        const started = world.start();
        const over = started.end.then(() => true);
        await waitUntil(
          `${least} rows`,
          async () => (await copied()) >= least || (await Promise.race([over, copied().then(() => false)])),
        );
        started.kill();
        if ((await started.end).code === null) kills += 1;
      }
      assert.ok(kills > 0, 'it was killed at least once');
      assertMoved(await world.migrate());
      const [row] = await world.database.query('SELECT count(*)::int AS rows FROM keys');
      assert.equal(row?.['rows'], 12_000 + SLOTS + 1 + 3);
    });

    it('PostgreSQL that is shut down in the middle: 75, and the same command goes on', async () => {
      await using world = await moveWorld(server, template);
      const old = await readOld(world);
      await (await openNew(world)).close();
      const cut = await world.heldAt('keys', () => server.stopImmediately());
      assert.equal(cut.code, 75, cut.stderr);
      assert.match(cut.stderr, /Run it again to go on/);
      assert.equal((await world.migrate()).code, 75);
      await server.start();
      assertMoved(await world.migrate());
      await assertEqual(world, old);
    });
  });

  describe('refuses', () => {
    const refused = async (world: MoveWorld, says: RegExp, ...args: string[]) => {
      const { code, stderr } = await world.migrate(...args);
      assert.equal(code, 78, stderr);
      assert.match(stderr, says);
      // Nothing was done.
      await (await world.openOld()).close();
    };

    it('a database that is not empty, holds another move, or is of a newer version', async () => {
      await using world = await moveWorld(server, template);
      const store = await openNew(world);
      await insertOne(store, uploadOf(1));
      await store.close();
      await refused(world, /there are rows in uploads/);
      await refused(world, /there are rows in uploads/, '--dry-run');
      await world.database.query('TRUNCATE uploads CASCADE');
      await world.database.query(`
        INSERT INTO schema_migrations (id, name, sha256, additive, applied_at) VALUES (99, 'later', 'x', false, 1)`);
      await refused(world, /migration 99/);
      await world.database.query('DELETE FROM schema_migrations WHERE id = 99');
      await world.heldAt('uploads', async (started) => started.kill());
      assert.equal((await world.run('migrate-store', '--back')).code, 0);
      await refused(world, /by another move, or by one that was given up/);
    });

    it('a database that replicas serve from', async () => {
      await using world = await moveWorld(server, template);
      const client = new pg.Client({
        connectionString: world.database.url,
        ssl: { ca: await readFile(server.caFile, 'utf8') },
        application_name: 'sealslot serve host 1',
      });
      await client.connect();
      await refused(world, /Stop the replicas first: 1 serve/).finally(() => client.end());
      assertMoved(await world.migrate());
    });

    it('a file that a command has open, and one that is not there', async () => {
      await using world = await moveWorld(server, template);
      const store = await world.openOld();
      const { code, stderr } = await world.migrate();
      await store.close();
      assert.equal(code, 75);
      assert.match(stderr, /another process.*Nothing was done/s);
      const absent = await world.runWith({ SEALSLOT_STORE__PATH: 'no.db' }, 'migrate-store', '--to', NEW);
      assert.equal(absent.code, 78);
      assert.match(absent.stderr, /store_absent/);
    });

    it('configurations that are not of the kinds that it needs', async () => {
      await using world = await moveWorld(server, template);
      assert.equal((await world.run('migrate-store', '--to', 'sealslot.yaml')).code, 64);
      assert.equal((await world.run('migrate-store')).code, 64);
      assert.equal((await world.runWith({ SEALSLOT_CONFIG: NEW }, 'migrate-store', '--to', NEW)).code, 64);
    });
  });

  describe('a row that is not as it was', () => {
    /** All is copied; it was killed before it could say that the stores are equal. */
    async function copied(): Promise<MoveWorld> {
      const world = await moveWorld(server, template);
      await (await openNew(world)).close();
      await world.heldAt('announced', async (started) => started.kill());
      await world.heldAt('store_move', async (started) => started.kill());
      return world;
    }
    const changes: [string, string, RegExp][] = [
      [
        'is changed',
        `UPDATE uploads SET size = size + 1, etag = 'x' WHERE id = '${idOf(3)}'`,
        /uploads \S+3: differs in etag, size/,
      ],
      ['is lost', `DELETE FROM outbox WHERE seq = 2`, /outbox 2: is missing in the target/],
      [
        'is one too many',
        `INSERT INTO announced VALUES ('x', '', 1, 1)`,
        /announced x {2}1: is only in the target/,
      ],
      [
        'has a wrapped key of other bytes',
        `UPDATE keys SET wrapped = set_byte(wrapped, 5, get_byte(wrapped, 5) # 1) WHERE upload_id = '${idOf(2)}'`,
        /keys \S+2 1: differs in wrapped$/m,
      ],
    ];
    for (const [what, sql, says] of changes) {
      it(`${what}: found, named, and not finished`, async () => {
        await using world = await copied();
        await world.database.query(sql);
        const { code, stdout, stderr } = await world.migrate();
        assert.equal(code, 1, stderr);
        assert.match(stderr, says);
        assert.match(stdout, /rows, which are not the same/);
        await assert.rejects(openNew(world), { code: 'store_unfinished' });
      });
    }
  });

  describe('--back', () => {
    it('opens the file again: of an unfinished move at once, of a finished one while nothing is new', async () => {
      await using world = await moveWorld(server, template);
      const old = await readOld(world);
      assert.match((await world.run('migrate-store', '--back')).stdout, /is not being moved/);
      assertMoved(await world.migrate());
      assert.equal((await world.run('migrate-store', '--back')).code, 64);
      const store = await openNew(world);
      await insertOne(store, uploadOf(600));
      await store.close();
      const refused = await world.migrate('--back');
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /uploads \S+: is only in the target/);
      await (await openNew(world)).close();
      await assert.rejects(world.openOld(), { code: 'store_moved' });
      await world.database.query(`DELETE FROM keys WHERE upload_id = '${idOf(600)}'`);
      await world.database.query(`DELETE FROM uploads WHERE id = '${idOf(600)}'`);
      assert.equal((await world.migrate('--back')).code, 0);
      assert.deepEqual(await readOld(world), old);
      await assert.rejects(openNew(world), { code: 'store_unfinished' });
    });
  });

  it('--dry-run counts beside a running service, and changes nothing', async () => {
    await using world = await moveWorld(server, template);
    const old = await readOld(world);
    await using service = await startService({ dir: world.dir });
    const { code, stdout, stderr } = await world.migrate('--dry-run');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^uploads: \d+ rows$/m);
    assert.match(stdout, /Nothing was copied/);
    await service.stop();
    assert.deepEqual(await readOld(world), old);
    assert.deepEqual(await world.database.query(`SELECT 1 FROM pg_tables WHERE schemaname = 'public'`), []);
  });

  it('--json says it in one line', async () => {
    await using world = await moveWorld(server, template);
    const { code, stdout } = await world.migrate('--json', '--sample', '5');
    assert.equal(code, 0);
    const told = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(told['ended'], 'moved');
    assert.deepEqual(
      Object.keys(told['tables'] as object),
      MOVED_TABLES.map(({ name }) => name),
    );
  });

  it('keeps the new custody in mind: a KEK that the replicas lack is found before they miss it', async () => {
    await using world = await moveWorld(server, template);
    const elsewhere = join(world.dir, 'elsewhere');
    await mkdir(elsewhere);
    await setUp(elsewhere, {});
    const path = join(world.dir, NEW);
    const config = await readFile(path, 'utf8');
    await writeFile(path, config.replace('kekFile: kek.json', 'kekFile: elsewhere/kek.json'));
    const { code, stderr } = await world.migrate();
    assert.equal(code, 1);
    assert.match(stderr, /does not open as before/);
    await writeFile(path, config);
    assertMoved(await world.migrate());
  });
});
