import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { inspectSqliteStore } from '../../../../src/store/adapters/sqlite/inspect.ts';
import { openSqliteStore } from '../../../../src/store/adapters/sqlite.ts';
import {
  openSqliteSource,
  openSqliteSourceBeside,
} from '../../../../src/store/adapters/sqlite/move-source.ts';
import { StoreAbsent, StoreLocked, StoreMoved, StoreSchemaRefused } from '../../../../src/store/errors.ts';
import { MOVED_TABLES, NOT_MOVED } from '../../../../src/store/move/tables.ts';
import { cursorOf, idOf, insertOne, uploadOf, wrappedOf } from '../../../contract/store-rows.ts';

const MARK = { id: 'm1', other: 'the database "x"', begunAt: 5, finishedAt: null };

describe('a SQLite store that is moved', () => {
  let folder: string;
  let path: string;
  const key = wrappedOf();
  const open = (exclusive = false) => openSqliteStore({ path, exclusive });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sealslot-source-'));
    path = join(folder, 'store.db');
    const store = await open();
    await insertOne(store, uploadOf(1), key);
    await insertOne(store, uploadOf(2));
    await store.uploads.update(idOf(2), ['issued'], { state: 'expired' });
    await store.uploads.forget(
      idOf(2),
      { urlEndsAt: uploadOf(2).urlEndsAt },
      { forgottenAt: 1, nextCheckAt: 2 },
    );
    await store.close();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('of each table it is known whether it is copied or left behind, and by what key', () => {
    const db = new DatabaseSync(path);
    const tables = db
      .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
      .all();
    const known = [...MOVED_TABLES.map(({ name }) => name), ...Object.keys(NOT_MOVED)];
    for (const { name } of tables) assert.ok(known.includes(String(name)), String(name));
    for (const { name, key: columns } of MOVED_TABLES) {
      const sql = 'SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk';
      assert.deepEqual(
        db
          .prepare(sql)
          .all(name)
          .map((row) => row['name']),
        columns,
        name,
      );
    }
    db.close();
  });

  it('gives pages in the order of the key, wrapped bytes with the rows that they belong to', async () => {
    await using source = await openSqliteSource(path);
    const table = { name: 'keys', key: ['upload_id', 'generation'] };
    const [first] = await source.page(table, undefined, 1);
    assert.ok(first);
    assert.deepEqual(first['wrapped'], new Uint8Array(key.bytes));
    const rest = await source.page(table, [idOf(1), 1], 9);
    assert.deepEqual(
      rest.map((row) => [row['upload_id'], row['wrapped']]),
      [[idOf(2), null]],
    );
    const columns = await source.columns(table);
    assert.deepEqual(
      Object.keys(first),
      columns.map(({ name }) => name),
    );
    assert.ok(!columns.some(({ name }) => name === 'wrapped_id'));
    assert.deepEqual(await source.someKeys(9), [cursorOf(1)]);
    assert.equal(await source.count(table), 2);
  });

  it('nobody else has open, in whatever order they come', async () => {
    const store = await open();
    await assert.rejects(openSqliteSource(path), StoreLocked);
    await store.close();
    await using source = await openSqliteSource(path);
    assert.ok(source.path.endsWith('store.db'));
    await assert.rejects(open(true), StoreLocked);
    await assert.rejects(open(), { code: 'dependency_unavailable' });
  });

  it('opens for nothing but moves while it has a mark', async () => {
    for (const finishedAt of [null, 7]) {
      const source = await openSqliteSource(path);
      await source.putMark({ ...MARK, finishedAt });
      assert.deepEqual(await source.mark(), { ...MARK, finishedAt });
      await source[Symbol.asyncDispose]();
      await assert.rejects(open(), StoreMoved);
      await assert.rejects(open(true), StoreMoved);
      assert.equal((await inspectSqliteStore(path)).state.kind, 'moved');
    }
    const source = await openSqliteSource(path);
    await source.dropMark();
    assert.equal(await source.mark(), undefined);
    await source[Symbol.asyncDispose]();
    const store = await open(true);
    assert.deepEqual(await store.uploads.get('acme', idOf(1)), uploadOf(1));
    await store.close();
    assert.equal((await inspectSqliteStore(path)).state.kind, 'sound');
  });

  it('is looked at beside a service without a change', async () => {
    const store = await open(true);
    await using source = await openSqliteSourceBeside(path);
    assert.equal(await source.count({ name: 'uploads', key: ['id'] }), 2);
    assert.equal(await source.count({ name: 'of_a_later_schema', key: ['id'] }), 0);
    await assert.rejects(source.putMark(MARK), { code: 'dependency_unavailable' });
    await store.close();
  });

  it('must be there, and a store', async () => {
    await assert.rejects(openSqliteSource(join(folder, 'no.db')), StoreAbsent);
    await assert.rejects(openSqliteSourceBeside(join(folder, 'no.db')), StoreAbsent);
    writeFileSync(
      join(folder, 'text.db'),
      'no database, but a text that is long enough to be none'.repeat(20),
    );
    for (const opening of [openSqliteSource, openSqliteSourceBeside])
      await assert.rejects(opening(join(folder, 'text.db')), StoreSchemaRefused);
  });
});
