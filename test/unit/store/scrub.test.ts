import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openSqliteStore } from '../../../src/store/adapters/sqlite.ts';
import type { Store } from '../../../src/store/port.ts';
import {
  buriedAt,
  cursorOf,
  idOf,
  insertOne,
  intermediateOf,
  NOW,
  uploadOf,
  wrappedOf,
} from '../../contract/store-rows.ts';

/** Of many sizes, and not in the order of their ids: pages split, empty and merge, and cells move between them. */
const TOTAL = 300;
const order = (step: number) => Array.from({ length: TOTAL }, (_, n) => (n * step) % TOTAL);
const someKeys = () => order(1).map(() => wrappedOf(randomBytes(60 + Math.floor(Math.random() * 1400))));

describe('a wrapped key that was replaced or destroyed leaves no byte in the SQLite file or its WAL', () => {
  let directory: string;
  let store: Store;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sealslot-scrub-'));
    store = await openSqliteStore({ path: join(directory, 'store.db'), exclusive: true });
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  /** Which of the keys can be found, whole or in part. */
  function found(keys: readonly { bytes: Uint8Array }[]): number[] {
    const files = ['store.db', 'store.db-wal'].map((name) => join(directory, name)).filter(existsSync);
    const disk = Buffer.concat(files.map((file) => readFileSync(file)));
    return [...keys.entries()]
      .filter(([, { bytes }]) => disk.includes(bytes.subarray(8, 40)))
      .map(([n]) => n);
  }

  const all = order(1);
  const third = (rest: number) => all.filter((n) => n % 3 === rest);

  it('of slots', async () => {
    const [first, second] = [someKeys(), someKeys()];
    for (const n of order(137)) {
      await insertOne(
        store,
        uploadOf(n, { state: 'uploaded', versionId: `v${n}` }),
        first[n],
        undefined,
        NOW,
        true,
      );
    }
    assert.deepEqual(found(first), all);

    const changes = third(0).map((n) => ({ ...cursorOf(n), from: first[n]!, to: second[n]! }));
    for (const from of [0, 30, 60, 90]) await store.keys.replace(changes.slice(from, from + 30));
    const at = { now: NOW, writesUntil: NOW, nextCheckAt: NOW };
    const object = { etag: null, versionId: null, nextCheckAt: null };
    for (const n of third(0)) await store.keys.copied(cursorOf(n), second[n]!);
    for (const n of third(1)) {
      const begun = await store.keys.begin(
        { id: idOf(n), generation: 1, nextGeneration: 2 },
        second[n]!,
        at,
        false,
      );
      await store.keys.copied(cursorOf(n, 2), second[n]!);
      await store.keys.advance(begun!, object);
      assert.equal(await store.keys.destroy(cursorOf(n), NOW), true);
    }
    assert.deepEqual(found(first), third(2));
    assert.deepEqual(
      found(second),
      [...third(0), ...third(1)].toSorted((a, b) => a - b),
    );
  });

  it('of all generations of a slot', async () => {
    const keys = someKeys().slice(0, 3);
    const upload = uploadOf(1, { state: 'deleting', generation: 2, nextGeneration: 3 });
    const copy = null;
    const rows = keys.map((wrapped, n) => ({ generation: n + 1, versionId: null, wrapped, copy }));
    await store.keys.restore(upload, rows, []);
    assert.deepEqual(found(keys), [0, 1, 2]);
    assert.equal(await store.uploads.bury(upload.id, upload, buriedAt(NOW)), true);
    assert.deepEqual(found(keys), []);
  });

  it('of intermediate keys', async () => {
    const [first, second] = [someKeys(), someKeys()];
    for (const n of order(137)) {
      await store.intermediates.insert(intermediateOf(n, { wrapped: first[n]! }), true);
    }
    assert.deepEqual(found(first), all);
    for (const n of third(0)) {
      assert.equal(await store.intermediates.replace(idOf(n), first[n]!, second[n]!), true);
    }
    for (const n of third(1)) assert.equal(await store.intermediates.destroy(idOf(n), NOW), true);
    assert.deepEqual(found(first), third(2));
    assert.deepEqual(found(second), third(0));
  });
});
