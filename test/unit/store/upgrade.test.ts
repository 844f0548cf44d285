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
import { cursorOf, idOf, NOW, plain, uploadOf, wrappedBy, wrappedOf } from '../../contract/store-rows.ts';

describe('a SQLite store that version 0.1 made', () => {
  let directory: string;
  let store: Store;
  const key = wrappedOf();

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sealslot-upgrade-'));
    const path = join(directory, 'store.db');
    const connection = new Connection(openDatabase(path));
    migrate(connection, MIGRATIONS.slice(0, 1), () => NOW);
    fill(connection);
    connection.close();
    store = await openSqliteStore({ path, exclusive: true });
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  /** Slot 1 has its key, slot 2 is a tombstone; with the columns that there were then. */
  function fill(connection: Connection): void {
    const slot = connection.prepare(
      `INSERT INTO uploads (id, tenant, principal, state, target, bucket, object_key, filename, content_type, size, sha256, metadata,
         expires_in_seconds, created_at, expires_at, url_ends_at, uploaded_at, etag, version_id, deleting_at, deleted_at, next_check_at)
       VALUES (:id, 'acme', 'key:ci', :state, 'main', 'uploads', 'in/' || :id, NULL, 'application/pdf', 7, NULL, '{}',
         900, :now, :now, :now, NULL, '"e"', 'v1', NULL, NULL, NULL)`,
    );
    const insert = connection.prepare(
      `INSERT INTO keys (upload_id, generation, wrapper_id, kek_id, wrapped, created_at, destroyed_at) VALUES (?, 1, ?, ?, ?, ?, ?)`,
    );
    slot.run({ id: idOf(1), state: 'uploaded', now: NOW });
    insert.run(idOf(1), key.wrapperId, key.kekId, key.bytes, NOW, null);
    slot.run({ id: idOf(2), state: 'deleted', now: NOW });
    insert.run(idOf(2), key.wrapperId, key.kekId, null, NOW, NOW);
  }

  it('keeps its slots and keys, as generation 1 and without copies', async () => {
    const upload = {
      ...uploadOf(1, { state: 'uploaded', size: 7, filename: null, metadata: {}, etag: '"e"' }),
      ...{ versionId: 'v1', expiresAt: NOW, urlEndsAt: NOW, nextCheckAt: null },
    };
    assert.deepEqual(await store.uploads.get('acme', idOf(1)), upload);
    assert.deepEqual(
      plain(await store.keys.page({ limit: 9 })),
      plain([{ upload, generation: 1, versionId: null, wrapped: key, copy: null }]),
    );
    assert.equal(await store.keys.get(idOf(2), 1), undefined);
    assert.deepEqual(await store.keys.usage(), [
      { wrapperId: 'local', kekId: 'kek-1', objectKeys: 1, intermediateKeys: 0, copies: 0 },
    ]);
    for (const query of [
      { tenant: 'acme' },
      { wrappedBy: { wrapperId: 'local' } },
      { wrappedBy: { wrapperId: 'local', kekId: 'kek-1' } },
      { copies: 'missing' as const },
    ]) {
      assert.equal((await store.keys.page({ ...query, limit: 9 })).length, 1, JSON.stringify(query));
    }
    assert.deepEqual(await store.uploads.list('acme', { limit: 9, now: NOW }), [upload]);
  });

  it('lets its keys be wrapped anew, copied, re-keyed and destroyed', async () => {
    const to = wrappedBy('kek-2');
    assert.deepEqual(await store.keys.replace([{ ...cursorOf(1), from: key, to }]), [true]);
    assert.equal(await store.keys.copied(cursorOf(1), to), true);
    const upload = (await store.uploads.get('acme', idOf(1)))!;
    const begun = await store.keys.begin(
      { ...upload, nextGeneration: 2 },
      wrappedOf(),
      { now: NOW, writesUntil: NOW, nextCheckAt: NOW },
      true,
    );
    assert.equal(begun?.nextGeneration, 2);
    const object = { etag: null, versionId: 'v2', nextCheckAt: null };
    assert.equal((await store.keys.advance(begun, object))?.generation, 2);
    assert.equal((await store.keys.get(idOf(1), 1))?.versionId, 'v1');
    assert.equal(await store.keys.destroy(cursorOf(1), NOW), true);
  });
});
