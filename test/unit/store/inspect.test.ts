import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { openSqliteStore } from '../../../src/store/adapters/sqlite.ts';
import { inspectSqliteStore } from '../../../src/store/adapters/sqlite/inspect.ts';
import { MIGRATIONS } from '../../../src/store/migrations/sqlite/index.ts';
import { insertOne, NOW, uploadOf, wrappedOf } from '../../contract/store-rows.ts';

const LATER = { id: MIGRATIONS.length + 1, name: 'later', sql: 'CREATE TABLE later (id INTEGER)' };

const ADAPTER = new URL('../../../src/store/adapters/sqlite.ts', import.meta.url).href;

/** What an exclusive open comes to in another process: `open`, or the error's code. */
async function openElsewhere(path: string): Promise<string> {
  const script = `
    const { openSqliteStore } = await import(${JSON.stringify(ADAPTER)});
    process.stdout.write(await openSqliteStore({ path: ${JSON.stringify(path)}, exclusive: true }).then(() => 'open', (error) => error.code));`;
  return (await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])).stdout;
}

describe('inspectSqliteStore', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sealslot-inspect-'));
    path = join(directory, 'store.db');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const make = async () => (await openSqliteStore({ path, exclusive: false })).close();
  const state = async (migrations = MIGRATIONS) => (await inspectSqliteStore(path, migrations)).state;

  /** Names, sizes and hashes of all that lies in the folder. */
  const contents = (folder = directory) =>
    readdirSync(folder).map((name) => {
      const bytes = readFileSync(join(folder, name));
      return [name, bytes.length, createHash('sha256').update(bytes).digest('hex')];
    });

  it('makes nothing where no store is', async () => {
    assert.deepEqual(await inspectSqliteStore(path), {
      kind: 'sqlite',
      path,
      state: { kind: 'absent' },
      usage: undefined,
      served: false,
      writeFailure: undefined,
    });
    assert.deepEqual(contents(), []);
  });

  it('takes the empty file of a start that was cut short for none', async () => {
    writeFileSync(path, '');
    assert.deepEqual(await state(), { kind: 'absent' });
  });

  it('finds a closed store sound and leaves every byte of its folder as it was', async () => {
    await make();
    const before = contents();
    assert.deepEqual(await state(), { kind: 'sound', applied: MIGRATIONS.length, pending: [] });
    assert.deepEqual(contents(), before);
  });

  it('looks beside the process that serves, also from within it, and drops none of its locks', async () => {
    const store = await openSqliteStore({ path, exclusive: true });
    try {
      await insertOne(store, uploadOf(1), wrappedOf());
      // Sizes only: reading the files here would itself drop this process's locks.
      const sizes = () => readdirSync(directory).map((name) => [name, statSync(join(directory, name)).size]);
      const before = sizes();
      const inspection = await inspectSqliteStore(path);
      assert.deepEqual(inspection.state, { kind: 'sound', applied: MIGRATIONS.length, pending: [] });
      assert.equal(inspection.served, true);
      assert.deepEqual(sizes(), before);
      assert.equal(await openElsewhere(path), 'store_locked');
      await insertOne(store, uploadOf(2), wrappedOf());
    } finally {
      await store.close();
    }
    assert.equal((await inspectSqliteStore(path)).served, false);
  });

  it('counts living keys by what wraps them, in a closed store and beside the process that serves', async () => {
    await make();
    assert.deepEqual((await inspectSqliteStore(path)).usage, []);
    const store = await openSqliteStore({ path, exclusive: true });
    await insertOne(store, uploadOf(1), wrappedOf());
    await insertOne(store, uploadOf(2), wrappedOf(), undefined, NOW, true);
    const usage = await store.keys.usage();
    assert.deepEqual(
      usage.map(({ objectKeys, copies }) => [objectKeys, copies]),
      [[2, 1]],
    );
    assert.deepEqual((await inspectSqliteStore(path)).usage, usage);
    await store.close();
    assert.deepEqual((await inspectSqliteStore(path)).usage, usage);
  });

  it('counts no keys of a store of another version', async () => {
    await make();
    assert.equal((await inspectSqliteStore(path, [...MIGRATIONS, LATER])).usage, undefined);
    const older = MIGRATIONS.slice(0, 1);
    assert.equal((await inspectSqliteStore(path, older)).usage, undefined);
  });

  it('names what the next start would apply, and applies none of it', async () => {
    await make();
    const migrations = [...MIGRATIONS, LATER];
    const pending = [`${LATER.id} (later)`];
    assert.deepEqual(await state(migrations), { kind: 'sound', applied: MIGRATIONS.length, pending });
    assert.deepEqual(await state(migrations), { kind: 'sound', applied: MIGRATIONS.length, pending });
  });

  it('knows the store of a newer version, and one whose migration was changed', async () => {
    await make();
    const db = new DatabaseSync(path);
    db.prepare(`INSERT INTO schema_migrations VALUES (99, 'newer', '', 0)`).run();
    assert.deepEqual(await state(), { kind: 'newer', migration: 99 });
    db.exec(`DELETE FROM schema_migrations WHERE id = 99; UPDATE schema_migrations SET sha256 = ''`);
    db.close();
    assert.deepEqual(await state(), { kind: 'changed', migration: '1 (initial)' });
  });

  it('knows a file of another program', async () => {
    writeFileSync(path, 'not a database'.repeat(1000));
    assert.deepEqual(await state(), { kind: 'foreign' });
    rmSync(path);
    const db = new DatabaseSync(path);
    db.exec('CREATE TABLE songs (title TEXT)');
    db.close();
    assert.deepEqual(await state(), { kind: 'foreign' });
  });

  it('finds damage', async () => {
    await make();
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(8192, 0xa5), 0, 8192, 8192);
    closeSync(file);
    assert.equal((await state()).kind, 'damaged');
  });

  it('follows a link, and looks for WAL and lock beside the file itself', async () => {
    mkdirSync(join(directory, 'volume'));
    const real = join(directory, 'volume', 'store.db');
    symlinkSync(real, path);
    const store = await openSqliteStore({ path: real, exclusive: true });
    const inspection = await inspectSqliteStore(path);
    await store.close();
    assert.equal(inspection.path, real);
    assert.equal(inspection.served, true);
  });

  it('tells what keeps a database from being made beside it', async () => {
    writeFileSync(join(directory, 'file'), '');
    const { writeFailure } = await inspectSqliteStore(join(directory, 'file', 'store.db'));
    assert.equal(writeFailure, 'ENOTDIR');
  });

  it('reads the store of a crashed service with what is only in its WAL, and leaves it private', async () => {
    const store = await openSqliteStore({ path, exclusive: false });
    const crashed = join(directory, 'crashed');
    mkdirSync(crashed);
    for (const name of ['store.db', 'store.db-wal'])
      writeFileSync(join(crashed, name), readFileSync(join(directory, name)), { mode: 0o600 });
    await store.close();
    const before = contents(crashed);
    const inspection = await inspectSqliteStore(join(crashed, 'store.db'));
    assert.deepEqual(inspection.state, { kind: 'sound', applied: MIGRATIONS.length, pending: [] });
    // Only SQLite's index of the WAL is new.
    assert.deepEqual(
      contents(crashed).filter(([name]) => name !== 'store.db-shm'),
      before,
    );
    for (const name of readdirSync(crashed))
      assert.equal(statSync(join(crashed, name)).mode & 0o077, 0, `${name} is open to others`);
  });
});
