import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { INTERMEDIATE } from '../../src/custody/intermediate.ts';
import type { WrappedKey } from '../../src/custody/port.ts';
import type { Kek, KekUse, KeyStore, PlacedKey, Store, StoredKey } from '../../src/store/port.ts';
import {
  buriedAt,
  cursorOf,
  idOf,
  insertOne,
  intermediateOf,
  NOW,
  plain,
  uploadOf,
  wrappedBy,
  wrappedOf,
  type OpenedStore,
} from './store-rows.ts';

/** What the store must do with keys that are there; a part of its contract. */
export function keysSuite(opened: () => OpenedStore): void {
  let store: Store;
  beforeEach(() => {
    store = opened().store;
  });

  const put = async (n: number, key: WrappedKey = wrappedOf(), hasCopy = false, tenant = 'acme') => {
    await insertOne(store, uploadOf(n, { tenant, state: 'uploaded' }), key, undefined, NOW, hasCopy);
    return key;
  };
  const storedOf = (wrapped: WrappedKey, changes: Partial<StoredKey> = {}): StoredKey => ({
    generation: 1,
    versionId: null,
    wrapped,
    copy: null,
    ...changes,
  });
  const copyOf = ({ wrapperId, kekId }: WrappedKey, isStale = false) => ({ wrapperId, kekId, isStale });
  /** `n` of the slot and generation, `7/2`. */
  const names = (keys: readonly PlacedKey[]) =>
    keys.map(({ upload, generation }) => `${parseInt(upload.id.slice(-12), 16)}/${generation}`);
  const later = { now: NOW, writesUntil: NOW, nextCheckAt: NOW };

  describe('keys: get and all', () => {
    it('tell of a copy only when the upload carries one', async () => {
      const [bare, copied] = [await put(1), await put(2, wrappedBy('kek-7', 'kms'), true)];
      const again = await opened().reopen();
      assert.deepEqual(plain(await again.keys.get(idOf(1), 1)), plain(storedOf(bare)));
      const expected = storedOf(copied, { copy: copyOf(copied) });
      assert.deepEqual(plain(await again.keys.get(idOf(2), 1)), plain(expected));
      assert.deepEqual(plain(await again.keys.all(idOf(2))), plain([expected]));
    });

    it('know no other generation and no other slot', async () => {
      await put(1);
      assert.equal(await store.keys.get(idOf(1), 2), undefined);
      assert.equal(await store.keys.get(idOf(2), 1), undefined);
      assert.deepEqual(await store.keys.all(idOf(2)), []);
    });
  });

  describe('keys: page', () => {
    const page = async (query: Partial<Parameters<KeyStore['page']>[0]> = {}) =>
      names(await store.keys.page({ limit: 100, ...query }));

    /** Slot 3 has two generations; slot 5 is another tenant's; slot 6 has no key any more. */
    async function several() {
      await put(4, wrappedBy('kek-2'));
      await put(2, wrappedBy('kek-9', 'kms'), true);
      const first = await put(3, wrappedOf(), true);
      await store.keys.begin({ ...uploadOf(3), nextGeneration: 2 }, wrappedBy('kek-2'), later, false);
      await put(1);
      await put(5, wrappedOf(), true, 'other');
      const gone = uploadOf(6, { state: 'deleting' });
      await insertOne(store, gone, wrappedOf(), undefined, NOW, true);
      await store.uploads.bury(gone.id, gone, buriedAt(NOW));
      const [isReplaced] = await store.keys.replace([
        { ...cursorOf(3), from: first, to: wrappedBy('kek-2') },
      ]);
      assert.equal(isReplaced, true);
    }

    it('goes by slot and generation, over living keys of all tenants', async () => {
      await several();
      assert.deepEqual(await page(), ['1/1', '2/1', '3/1', '3/2', '4/1', '5/1']);
    });

    it('gives the slot with the key', async () => {
      const key = await put(1, wrappedOf(), true);
      const [found] = await store.keys.page({ limit: 1 });
      const upload = uploadOf(1, { state: 'uploaded' });
      assert.deepEqual(plain(found), plain({ upload, ...storedOf(key, { copy: copyOf(key) }) }));
    });

    it('keeps to a tenant, a wrapper, a KEK and the state of copies, alone and together', async () => {
      await several();
      const local = { wrapperId: 'local' };
      const cases: [Partial<Parameters<KeyStore['page']>[0]>, string[]][] = [
        [{ tenant: 'acme' }, ['1/1', '2/1', '3/1', '3/2', '4/1']],
        [{ tenant: 'nobody' }, []],
        [{ wrappedBy: local }, ['1/1', '3/1', '3/2', '4/1', '5/1']],
        [{ wrappedBy: { wrapperId: 'kms' } }, ['2/1']],
        [{ wrappedBy: { ...local, kekId: 'kek-2' } }, ['3/1', '3/2', '4/1']],
        [{ wrappedBy: { ...local, kekId: 'kek-9' } }, []],
        [{ copies: 'stale' }, ['3/1']],
        [{ copies: 'missing' }, ['1/1', '3/2', '4/1']],
        [{ tenant: 'other', wrappedBy: local }, ['5/1']],
        [{ tenant: 'acme', wrappedBy: { ...local, kekId: 'kek-1' } }, ['1/1']],
        [{ tenant: 'acme', copies: 'missing' }, ['1/1', '3/2', '4/1']],
        [{ tenant: 'other', copies: 'stale' }, []],
        [{ wrappedBy: { ...local, kekId: 'kek-2' }, copies: 'missing' }, ['3/2', '4/1']],
        [{ wrappedBy: { wrapperId: 'kms' }, copies: 'stale' }, []],
        [{ tenant: 'acme', wrappedBy: { ...local, kekId: 'kek-2' }, copies: 'stale' }, ['3/1']],
      ];
      for (const [query, expected] of cases) {
        assert.deepEqual(await page(query), expected, JSON.stringify(query));
        const rest = expected.filter((name) => name > '3/1');
        assert.deepEqual(await page({ ...query, after: cursorOf(3) }), rest, JSON.stringify(query));
        const first = await page({ ...query, limit: 1 });
        assert.deepEqual(first, expected.slice(0, 1), JSON.stringify(query));
      }
    });

    it('goes on between two generations of one slot, and behind a slot that is gone', async () => {
      await several();
      assert.deepEqual(await page({ after: cursorOf(3), limit: 2 }), ['3/2', '4/1']);
      assert.deepEqual(await page({ after: cursorOf(3, 2), limit: 2 }), ['4/1', '5/1']);
      assert.deepEqual(await page({ tenant: 'acme', after: cursorOf(3), limit: 1 }), ['3/2']);
      assert.deepEqual(await page({ after: cursorOf(6) }), []);
    });

    it('gives each key once while those before are changed, destroyed and added', async () => {
      for (let n = 1; n <= 9; n++) await put(n * 10);
      const seen: string[] = [];
      let keys = await store.keys.page({ wrappedBy: { wrapperId: 'local', kekId: 'kek-1' }, limit: 2 });
      while (keys.length > 0) {
        seen.push(...names(keys));
        const last = keys.at(-1)!;
        const after = { uploadId: last.upload.id, generation: last.generation };
        await store.keys.replace([{ ...after, from: last.wrapped, to: wrappedBy('kek-2') }]);
        await put(seen.length);
        keys = await store.keys.page({
          wrappedBy: { wrapperId: 'local', kekId: 'kek-1' },
          after,
          limit: 2,
        });
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 9 }, (_, n) => `${(n + 1) * 10}/1`),
      );
    });
  });

  describe('keys: replace', () => {
    it('wraps each key anew over a restart, and marks its copy as stale', async () => {
      const from = [await put(1), await put(2, wrappedOf(), true)];
      const to = [wrappedBy('arn:2', 'kms'), wrappedBy('arn:3', 'kms')];
      const changes = [0, 1].map((n) => ({ ...cursorOf(n + 1), from: from[n]!, to: to[n]! }));
      assert.deepEqual(await store.keys.replace(changes), [true, true]);
      const again = await opened().reopen();
      assert.deepEqual(plain(await again.keys.get(idOf(1), 1)), plain(storedOf(to[0]!)));
      const copy = copyOf(from[1]!, true);
      assert.deepEqual(plain(await again.keys.get(idOf(2), 1)), plain(storedOf(to[1]!, { copy })));
    });

    it('changes nothing where the key is wrapped otherwise, is destroyed or not there', async () => {
      const key = await put(1);
      const gone = uploadOf(2, { state: 'deleting' });
      await insertOne(store, gone, key);
      await store.uploads.bury(gone.id, gone, buriedAt(NOW));
      await put(3, key);
      const to = wrappedBy('kek-2');
      const results = await store.keys.replace([
        { ...cursorOf(1), from: { ...key, wrapperId: 'kms' }, to },
        { ...cursorOf(1), from: { ...key, kekId: 'kek-0' }, to },
        { ...cursorOf(1), from: { ...key, bytes: wrappedOf().bytes }, to },
        { ...cursorOf(1, 2), from: key, to },
        { ...cursorOf(2), from: key, to },
        { ...cursorOf(9), from: key, to },
        { ...cursorOf(3), from: key, to },
      ]);
      assert.deepEqual(results, [false, false, false, false, false, false, true]);
      assert.deepEqual(plain(await store.keys.get(idOf(1), 1)), plain(storedOf(key)));
      assert.equal(await store.keys.get(idOf(2), 1), undefined);
      assert.deepEqual(plain(await store.keys.get(idOf(3), 1)), plain(storedOf(to)));
      assert.deepEqual(await store.keys.replace([]), []);
    });

    it('lets one of 50 concurrent changes win', async () => {
      const from = await put(1);
      const to = Array.from({ length: 50 }, (_, n) => wrappedBy(`kek-${n + 2}`));
      const results = await Promise.all(
        to.map((key) => store.keys.replace([{ ...cursorOf(1), from, to: key }])),
      );
      const winners = to.filter((_, n) => results[n]?.[0] === true);
      assert.equal(winners.length, 1);
      assert.deepEqual(plain(await store.keys.get(idOf(1), 1)), plain(storedOf(winners[0]!)));
    });
  });

  describe('keys: copied', () => {
    it('notes a fresh copy, and that there is none any more', async () => {
      const old = await put(1, wrappedOf(), true);
      const key = wrappedBy('kek-2');
      await store.keys.replace([{ ...cursorOf(1), from: old, to: key }]);
      assert.equal(await store.keys.copied(cursorOf(1), key), true);
      const again = await opened().reopen();
      const expected = storedOf(key, { copy: copyOf(key) });
      assert.deepEqual(plain(await again.keys.get(idOf(1), 1)), plain(expected));
      assert.equal(await again.keys.copied(cursorOf(1), null), true);
      assert.deepEqual(plain(await again.keys.get(idOf(1), 1)), plain(storedOf(key)));
    });

    it('notes nothing when the key is wrapped otherwise by now, is destroyed or not there', async () => {
      const key = await put(1);
      for (const other of [{ wrapperId: 'kms' }, { kekId: 'kek-0' }, { bytes: wrappedOf().bytes }]) {
        assert.equal(await store.keys.copied(cursorOf(1), { ...key, ...other }), false);
      }
      assert.deepEqual(plain(await store.keys.get(idOf(1), 1)), plain(storedOf(key)));
      const gone = uploadOf(2, { state: 'deleting' });
      await insertOne(store, gone, key);
      await store.uploads.bury(gone.id, gone, buriedAt(NOW));
      for (const n of [2, 3]) {
        assert.equal(await store.keys.copied(cursorOf(n), key), false);
        assert.equal(await store.keys.copied(cursorOf(n), null), false);
      }
    });
  });

  it('keys: usage counts living keys and copies by wrapper and KEK', async () => {
    const sorted = (uses: KekUse[]) =>
      uses.toSorted((a, b) => (`${a.wrapperId} ${a.kekId}` < `${b.wrapperId} ${b.kekId}` ? -1 : 1));
    const use = (wrapperId: string, kekId: string, counts: Partial<KekUse>): KekUse => ({
      ...{ wrapperId, kekId, objectKeys: 0, intermediateKeys: 0, copies: 0 },
      ...counts,
    });
    assert.deepEqual(await store.keys.usage(), []);
    await put(1);
    const moved = await put(2, wrappedOf(), true);
    await store.intermediates.insert(intermediateOf(1), true);
    await store.intermediates.insert(intermediateOf(2, { wrapped: wrappedBy('kek-2') }), false);
    await put(3, wrappedBy(idOf(1), INTERMEDIATE), true);
    await put(4, wrappedBy('kek-1', 'kms'));
    await store.keys.replace([{ ...cursorOf(2), from: moved, to: wrappedBy('kek-2') }]);
    const gone = uploadOf(5, { state: 'deleting' });
    await insertOne(store, gone, wrappedBy('kek-3'), undefined, NOW, true);
    await store.uploads.bury(gone.id, gone, buriedAt(NOW));
    await store.intermediates.insert(intermediateOf(3, { wrapped: wrappedBy('kek-3') }), true);
    await store.intermediates.destroy(idOf(3), NOW);
    assert.deepEqual(
      sorted(await store.keys.usage()),
      sorted([
        use(INTERMEDIATE, idOf(1), { objectKeys: 1, copies: 1 }),
        use('kms', 'kek-1', { objectKeys: 1 }),
        use('local', 'kek-1', { objectKeys: 1, intermediateKeys: 1, copies: 2 }),
        use('local', 'kek-2', { objectKeys: 1, intermediateKeys: 1 }),
      ]),
    );
    const ofKeks = (await store.keys.usage()).filter(({ wrapperId }) => wrapperId !== INTERMEDIATE);
    const inOrder = (keks: readonly Kek[]) =>
      keks.map(({ wrapperId, kekId }) => `${wrapperId} ${kekId}`).sort();
    assert.deepEqual(inOrder(await store.keys.neededKeks()), inOrder(ofKeks));
  });
}
