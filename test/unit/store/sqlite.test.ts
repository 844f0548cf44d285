import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { openSqliteStore } from '../../../src/store/adapters/sqlite.ts';
import { Connection } from '../../../src/store/adapters/sqlite/connection.ts';
import { migrate } from '../../../src/store/adapters/sqlite/migrate.ts';
import { openDatabase } from '../../../src/store/adapters/sqlite/open.ts';
import { StoreLocked, StoreSchemaRefused } from '../../../src/store/errors.ts';
import type { Store } from '../../../src/store/port.ts';
import {
  buriedAt,
  forgottenAt,
  idempotencyOf,
  insertOne,
  NOW,
  uploadOf,
  wrappedOf,
} from '../../contract/store-rows.ts';

const ADAPTER = new URL('../../../src/store/adapters/sqlite.ts', import.meta.url).href;

describe('SQLite store', () => {
  let directory: string;
  let path: string;
  const stores: Store[] = [];
  const children: ChildProcess[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sealslot-sqlite-'));
    path = join(directory, 'store.db');
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  });

  async function open(exclusive = false, at = path): Promise<Store> {
    const store = await openSqliteStore({ path: at, exclusive, now: () => NOW });
    stores.push(store);
    return store;
  }

  /** A process that opens the store, forgets it, and prints `open` or the error's code. It lives until it is killed, at the latest after the test. */
  function opener(exclusive: boolean) {
    const script = `
      const { openSqliteStore } = await import(${JSON.stringify(ADAPTER)});
      await openSqliteStore({ path: ${JSON.stringify(path)}, exclusive: ${exclusive ? 'true' : 'false'} })
        .then(() => 'open', (error) => error.code + (error.cause ? ': ' + error.cause.message : ''))
        .then((word) => (globalThis.gc(), process.stdout.write(word)));
      process.stdin.resume();`;
    const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    const word = once(child.stdout, 'data').then(([chunk]) => String(chunk));
    return { child, word };
  }

  describe('connection', () => {
    it('fsyncs every commit, overwrites what it deletes, keeps references', () => {
      const db = openDatabase(path);
      const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
      assert.equal(pragma('journal_mode'), 'wal');
      assert.equal(pragma('synchronous'), 2);
      assert.equal(pragma('secure_delete'), 1);
      assert.equal(pragma('foreign_keys'), 1);
      assert.equal(pragma('busy_timeout'), 5000);
      db.close();
    });

    it('creates every file for its owner only', async () => {
      const store = await open(true);
      await insertOne(store, uploadOf(1), wrappedOf());
      for (const suffix of ['', '-wal', '-shm', '.lock']) {
        assert.equal(statSync(path + suffix).mode & 0o777, 0o600, suffix);
      }
    });

    it('says DependencyUnavailable when the file cannot be opened, and StoreSchemaRefused when it is no database', async () => {
      await assert.rejects(open(false, join(directory, 'missing', 'store.db')), DependencyUnavailable);
      await assert.rejects(open(false, directory), DependencyUnavailable);
      await assert.rejects(open(false, new URL(import.meta.url).pathname), StoreSchemaRefused);
    });
  });

  describe('lock', () => {
    it('refuses a second exclusive open in this process, by any name', async () => {
      const first = await open(true);
      const alias = join(directory, 'alias.db');
      symlinkSync(path, alias);
      await assert.rejects(open(true), StoreLocked);
      await assert.rejects(open(true, alias), { code: 'store_locked' });
      await open(false);
      await first.close();
      await open(true, alias);
    });

    it('refuses another process until the holder is killed', async () => {
      const holder = opener(true);
      assert.equal(await holder.word, 'open');
      await assert.rejects(open(true), StoreLocked);
      const beside = await open(false);
      await insertOne(beside, uploadOf(1), wrappedOf());
      holder.child.kill('SIGKILL');
      await once(holder.child, 'exit');
      await open(true);
    });

    it('holds against another process after refusals and other opens in this one', async () => {
      await open(true);
      await assert.rejects(open(true), StoreLocked);
      await (await open(false)).close();
      const second = opener(true);
      assert.equal(await second.word, 'store_locked');
    });

    it('a refused migration lets go of it', async () => {
      await (await open(true)).close();
      edit(`UPDATE schema_migrations SET sha256 = 'x'`);
      await assert.rejects(open(true), StoreSchemaRefused);
      await assert.rejects(open(true), StoreSchemaRefused);
    });
  });

  function edit(statement: string): void {
    const db = new DatabaseSync(path);
    db.exec(statement);
    db.close();
  }

  describe('migrations', () => {
    it('are applied once and recorded with their checksum', async () => {
      await (await open()).close();
      await (await open()).close();
      const db = openDatabase(path);
      const rows = db
        .prepare('SELECT id, name, length(sha256) AS length, applied_at FROM schema_migrations')
        .all();
      assert.deepEqual(
        rows.map((row) => ({ ...row })),
        [
          { id: 1, name: 'initial', length: 64, applied_at: NOW },
          { id: 2, name: 'custody', length: 64, applied_at: NOW },
          { id: 3, name: 'methods-and-outbox', length: 64, applied_at: NOW },
          { id: 4, name: 'grants', length: 64, applied_at: NOW },
          { id: 5, name: 'quotas', length: 64, applied_at: NOW },
          { id: 6, name: 'replicas', length: 64, applied_at: NOW },
        ],
      );
      db.close();
    });

    it('refuse a store whose migration was changed', async () => {
      await (await open()).close();
      edit(`UPDATE schema_migrations SET sha256 = 'x' WHERE id = 1`);
      await assert.rejects(open(), {
        code: 'store_schema_refused',
        message: /Migration 1 \(initial\) is not the one/,
      });
    });

    it('refuse a store of a newer version', async () => {
      await (await open()).close();
      edit(`INSERT INTO schema_migrations VALUES (999, 'later', 'x', 0)`);
      await assert.rejects(open(), { code: 'store_schema_refused', message: /newer version/ });
    });

    it('leave nothing behind when one fails', () => {
      const connection = new Connection(openDatabase(path));
      const good = { id: 1, name: 'good', sql: 'CREATE TABLE a (x) ' };
      const bad = { id: 2, name: 'bad', sql: 'CREATE TABLE b (x); CREATE TABLE a (x)' };
      assert.throws(() => migrate(connection, [good, bad], () => NOW), /already exists/);
      assert.deepEqual(connection.prepare('SELECT name FROM sqlite_schema').all(), []);
      connection.close();
    });

    it('are safe under processes that open a new store at once', async () => {
      const openers = Array.from({ length: 6 }, () => opener(false));
      const words = await Promise.all(openers.map(({ word }) => word));
      assert.deepEqual(words, Array(6).fill('open'));
    });
  });

  it('50 inserts with one identity over two connections commit once', async () => {
    const two = [await open(), await open()] as const;
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        insertOne(two[n % 2 === 0 ? 0 : 1], uploadOf(n), wrappedOf(), idempotencyOf(n)),
      ),
    );
    assert.equal(results.filter((result) => result === undefined).length, 1);
    assert.equal((await two[0].uploads.list('acme', { limit: 100, now: NOW })).length, 1);
  });

  describe('destruction', () => {
    const onDisk = () =>
      Buffer.concat(
        ['', '-wal']
          .map((end) => path + end)
          .filter((file) => existsSync(file))
          .map((file) => readFileSync(file)),
      );

    it('leaves no byte of a key, filename or metadata in the database or its WAL', async () => {
      const store = await open(true);
      // Not in the order of their ids, of many sizes, every third staying: pages split, empty and merge, and cells move between them.
      const total = 600;
      const order = (step: number) => Array.from({ length: total }, (_, n) => (n * step) % total);
      const keys = order(1).map(() => randomBytes(60 + Math.floor(Math.random() * 1400)));
      for (const n of order(371)) {
        const state = n % 2 === 0 ? 'deleting' : 'expired';
        const texts = { filename: `file-name-${n}!`, metadata: { note: `meta-note-${n}!` } };
        await insertOne(store, uploadOf(n, { state, ...texts }), wrappedOf(keys[n]));
      }
      assert.ok(onDisk().includes(keys[1]!.subarray(8, 40)), 'the keys were there');
      const ended = order(247).filter((n) => n % 3 !== 0);
      for (const n of ended) {
        const { uploads } = store;
        const upload = uploadOf(n);
        const done =
          n % 2 === 0
            ? uploads.bury(upload.id, upload, buriedAt(NOW))
            : uploads.forget(upload.id, upload, forgottenAt(NOW));
        assert.equal(await done, true);
      }
      const disk = onDisk();
      assert.ok(disk.includes(keys[0]!.subarray(8, 40)), 'a living key is still there');
      for (const n of ended) {
        assert.ok(!disk.includes(keys[n]!.subarray(8, 40)), `key ${n}`);
        if (n % 2 === 0)
          assert.ok(!disk.includes(`file-name-${n}!`) && !disk.includes(`meta-note-${n}!`), `texts ${n}`);
      }
    });

    it('is no business of a look at what is due: nothing is written while nothing is', async () => {
      const store = await open(true);
      await insertOne(store, uploadOf(1, { nextCheckAt: NOW + 1 }));
      const wal = () => statSync(`${path}-wal`).size;
      const before = wal();
      // A writer elsewhere would hold up a transaction that writes.
      const writer = openDatabase(path);
      writer.exec('BEGIN IMMEDIATE');
      assert.deepEqual(await store.uploads.claimDue(NOW, NOW + 60_000, 10), []);
      writer.exec('ROLLBACK');
      writer.close();
      assert.equal(wal(), before);
      assert.equal((await store.uploads.claimDue(NOW + 1, NOW + 60_000, 10)).length, 1);
      assert.ok(wal() > before);
    });

    it('is made up for by the job when a reader was in the way', async () => {
      const store = await open(true);
      const key = randomBytes(77);
      const upload = uploadOf(1, { state: 'deleting' });
      await insertOne(store, upload, wrappedOf(key));
      const reader = openDatabase(path);
      reader.exec('BEGIN; SELECT * FROM uploads');
      assert.equal(await store.uploads.bury(upload.id, upload, buriedAt(NOW)), true);
      assert.ok(onDisk().includes(key), 'the reader still needs it');
      reader.close();
      await store.uploads.claimDue(NOW, NOW + 1, 1);
      assert.ok(!onDisk().includes(key));
    });

    it('is made up for when the store is closed, though others have it open', async () => {
      await open(true);
      const command = await open(false);
      const key = randomBytes(77);
      const upload = uploadOf(1, { state: 'deleting' });
      await insertOne(command, upload, wrappedOf(key));
      const reader = openDatabase(path);
      reader.exec('BEGIN; SELECT * FROM uploads');
      assert.equal(await command.uploads.bury(upload.id, upload, buriedAt(NOW)), true);
      reader.close();
      assert.ok(onDisk().includes(key), 'it is still due');
      await command.close();
      assert.ok(!onDisk().includes(key));
    });
  });
});
