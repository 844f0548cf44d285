import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openSqliteStore } from '../../../src/store/adapters/sqlite.ts';
import { Connection } from '../../../src/store/adapters/sqlite/connection.ts';
import { migrate } from '../../../src/store/adapters/sqlite/migrate.ts';
import { openDatabase } from '../../../src/store/adapters/sqlite/open.ts';
import { MIGRATIONS } from '../../../src/store/migrations/sqlite/index.ts';
import type { Store } from '../../../src/store/port.ts';
import type { Upload, UploadState } from '../../../src/uploads/upload.ts';
import {
  idempotencyOf,
  idOf,
  insertOne,
  messageOf,
  NOW,
  plain,
  uploadOf,
  wrappedOf,
} from '../../contract/store-rows.ts';

const QUARTER_MS = 90 * 86_400_000;

describe('a SQLite store from before methods and the outbox', () => {
  let directory: string;
  let path: string;
  let store: Store;
  let migratedBetween: readonly [number, number];
  const key = wrappedOf();

  /** Each kind of slot: its state, whether its key lives, when it was to be looked at, when it was deleted. */
  const slots: readonly (readonly [UploadState, boolean, number | null, number | null])[] = [
    ['issued', true, NOW + 900_000, null],
    ['uploaded', true, null, null],
    ['rejected', true, null, null],
    ['expired', true, NOW + 5, null],
    ['deleting', true, NOW + 6, null],
    ['expired', false, null, null],
    ['deleted', false, null, NOW - 50],
    ['expired', true, null, null],
  ];
  const [ISSUED, FORGOTTEN, TOMBSTONE] = [0, 5, 6];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sealslot-upgrade-'));
    path = join(directory, 'store.db');
    const connection = new Connection(openDatabase(path));
    migrate(connection, MIGRATIONS.slice(0, 2), () => NOW);
    fill(connection);
    connection.close();
    const before = Date.now();
    store = await openSqliteStore({ path, exclusive: true });
    migratedBetween = [before, Date.now()];
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  /** With the columns that there were then. */
  function fill(connection: Connection): void {
    const slot = connection.prepare(
      `INSERT INTO uploads (id, tenant, principal, state, target, bucket, object_key, filename, content_type, size, sha256, metadata,
         expires_in_seconds, created_at, expires_at, url_ends_at, uploaded_at, etag, version_id, deleting_at, deleted_at, next_check_at,
         generation)
       VALUES (?, 'acme', 'key:ci', ?, 'main', 'uploads', ?, 'a b.pdf', 'application/pdf', 7, 'c2hh', '{"a":"b"}',
         900, ${NOW}, ${NOW + 900_000}, ${NOW + 900_000}, NULL, NULL, 'v1', NULL, ?, ?, 2)`,
    );
    const bytes = connection.prepare('INSERT INTO wrapped_keys (bytes) VALUES (?)');
    const insert = connection.prepare(
      `INSERT INTO keys (upload_id, generation, wrapper_id, kek_id, wrapped_id, created_at, destroyed_at)
       VALUES (?, 2, 'local', 'kek-1', ?, ${NOW}, ?)`,
    );
    const record = connection.prepare(
      `INSERT INTO idempotency (tenant, principal, key, request_hash, upload_id, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
    );
    for (const [n, [state, lives, nextCheckAt, deletedAt]] of slots.entries()) {
      slot.run(idOf(n), state, `in/${idOf(n)}`, deletedAt, nextCheckAt);
      const id = lives ? bytes.run(key.bytes).lastInsertRowid : null;
      insert.run(idOf(n), id, lives ? null : NOW);
      const { tenant, principal, requestHash, expiresAt } = idempotencyOf(n);
      record.run(tenant, principal, `order-${n}`, requestHash, idOf(n), expiresAt);
    }
  }

  const expectedOf = (n: number, changes: Partial<Upload> = {}): Upload => {
    const [state, , nextCheckAt, deletedAt] = slots[n]!;
    const old = { filename: 'a b.pdf', size: 7, sha256: 'c2hh', metadata: { a: 'b' }, versionId: 'v1' };
    return uploadOf(n, { ...old, state, nextCheckAt, deletedAt, generation: 2, ...changes });
  };
  const get = async (n: number) => (await store.uploads.get('acme', idOf(n)))!;

  it('keeps its slots as they were, to be sent by PUT', async () => {
    for (const [n] of slots.entries()) {
      if (n !== FORGOTTEN && n !== TOMBSTONE) assert.deepEqual(await get(n), expectedOf(n));
    }
    const living = await store.keys.page({ limit: 99 });
    assert.equal(living.length, slots.filter(([, lives]) => lives).length);
    for (const { generation, wrapped } of living) {
      assert.deepEqual(plain({ generation, wrapped }), plain({ generation: 2, wrapped: key }));
    }
  });

  it('knows since when a slot is forgotten, and looks at it and at a tombstone one day', async () => {
    const forgotten = await get(FORGOTTEN);
    const { forgottenAt } = forgotten;
    assert.ok(forgottenAt !== null);
    const [from, to] = migratedBetween;
    assert.ok(from <= forgottenAt && forgottenAt <= to, `${from} ${forgottenAt} ${to}`);
    assert.deepEqual(
      forgotten,
      expectedOf(FORGOTTEN, { forgottenAt, nextCheckAt: forgottenAt + QUARTER_MS }),
    );
    assert.deepEqual(await get(TOMBSTONE), expectedOf(TOMBSTONE, { nextCheckAt: NOW - 50 + QUARTER_MS }));
  });

  it('keeps its idempotency records, which go with their slots', async () => {
    const find = (n: number) => store.uploads.findIdempotent('acme', 'key:ci', `order-${n}`, NOW);
    for (const [n] of slots.entries()) {
      assert.deepEqual(await find(n), idempotencyOf(n, { key: `order-${n}` }));
    }
    for (const n of [FORGOTTEN, TOMBSTONE]) {
      assert.equal(await store.uploads.purge(idOf(n)), true);
      assert.equal(await find(n), undefined);
    }
    assert.ok(await find(ISSUED));
    const ended = idempotencyOf(ISSUED).expiresAt + 1;
    assert.equal(await store.uploads.dropEndedIdempotency(ended, 100), slots.length - 2);
  });

  it('takes new slots of every method, and messages', async () => {
    const multipart = uploadOf(20, { method: 'multipart', partSize: 5, crc32c: 'AAAAAA==' });
    await insertOne(store, multipart);
    assert.deepEqual(await get(20), multipart);
    const message = messageOf(1, { uploadId: idOf(ISSUED) });
    assert.ok(await store.uploads.update(idOf(ISSUED), ['issued'], { state: 'uploaded' }, {}, [message]));
    assert.equal((await store.outbox.claim(NOW + 9, NOW + 99, 9)).length, 1);
  });
});
