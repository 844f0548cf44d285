import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { INTERMEDIATE } from '../../src/custody/intermediate.ts';
import { DependencyUnavailable } from '../../src/errors.ts';
import type { Store } from '../../src/store/port.ts';
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

/** What the store must do with intermediate keys; a part of its contract. */
export function intermediatesSuite(opened: () => OpenedStore): void {
  let store: Store;
  beforeEach(() => {
    store = opened().store;
  });

  const DAY = '2027-01-15';
  const copy = (kekId: string, isStale = false) => ({ wrapperId: 'local', kekId, isStale });
  const under = (n: number) => wrappedBy(idOf(n), INTERMEDIATE);
  const putSlot = (n: number, key = wrappedOf(), state: 'uploaded' | 'deleting' = 'uploaded') =>
    insertOne(store, uploadOf(n, { state }), key);
  const listed = async (query?: { tenant?: string; period?: string }) =>
    (await store.intermediates.list(query)).map(({ id }) => parseInt(id.slice(-12), 16));

  describe('intermediate keys: insert, get and newest', () => {
    it('keep a key over a restart, with what is known of its copy', async () => {
      const [bare, copied] = [intermediateOf(1), intermediateOf(2)];
      assert.equal(await store.intermediates.insert(bare, false), true);
      assert.equal(await store.intermediates.insert(copied, true), true);
      const { intermediates } = await opened().reopen();
      assert.deepEqual(plain(await intermediates.get(bare.id)), plain({ ...bare, copy: null }));
      const expected = plain({ ...copied, copy: copy('kek-1') });
      assert.deepEqual(plain(await intermediates.get(copied.id)), expected);
      assert.deepEqual(plain(await intermediates.newest('acme', DAY)), expected);
      assert.equal(await intermediates.lastVersion('acme', DAY), 2);
    });

    it('keep tenants and periods apart', async () => {
      await store.intermediates.insert(intermediateOf(1), false);
      for (const [tenant, period] of [
        ['other', DAY],
        ['acme', '2027-01'],
      ] as const) {
        assert.equal(await store.intermediates.newest(tenant, period), undefined);
        assert.equal(await store.intermediates.lastVersion(tenant, period), 0);
        const id = idOf(tenant === 'other' ? 2 : 3);
        const key = intermediateOf(1, { id, tenant, period });
        assert.equal(await store.intermediates.insert(key, false), true);
        assert.equal((await store.intermediates.newest(tenant, period))?.id, id);
      }
      assert.equal(await store.intermediates.get(idOf(9)), undefined);
    });

    it('write nothing when the id or the version is there, even of one destroyed', async () => {
      const first = intermediateOf(1);
      await store.intermediates.insert(first, false);
      const sameId = intermediateOf(1, { period: '2027-01', version: 7 });
      const sameVersion = intermediateOf(2, { version: 1 });
      for (const isDestroyed of [false, true]) {
        if (isDestroyed) await store.intermediates.destroy(first.id, NOW);
        assert.equal(await store.intermediates.insert(sameId, false), false);
        assert.equal(await store.intermediates.insert(sameVersion, false), false);
        const found = await store.intermediates.get(first.id);
        assert.deepEqual(plain(found), plain(isDestroyed ? undefined : { ...first, copy: null }));
      }
      assert.deepEqual(await listed(), []);
      assert.equal(await store.intermediates.newest('acme', '2027-01'), undefined);
    });

    it('commit one version of 50 concurrent ones', async () => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          store.intermediates.insert(intermediateOf(n, { version: 1 }), false),
        ),
      );
      assert.equal(results.filter(Boolean).length, 1);
      assert.equal((await store.intermediates.newest('acme', DAY))?.id, idOf(results.indexOf(true)));
    });

    it('newest passes over what is destroyed, lastVersion does not', async () => {
      for (const n of [1, 2, 3]) await store.intermediates.insert(intermediateOf(n), false);
      await store.intermediates.destroy(idOf(3), NOW);
      assert.equal((await store.intermediates.newest('acme', DAY))?.version, 2);
      assert.equal(await store.intermediates.lastVersion('acme', DAY), 3);
      for (const n of [1, 2]) await store.intermediates.destroy(idOf(n), NOW);
      assert.equal(await store.intermediates.newest('acme', DAY), undefined);
      assert.equal(await store.intermediates.lastVersion('acme', DAY), 3);
    });
  });

  it('intermediate keys: list, oldest first, of a tenant and of a period', async () => {
    const others = { 3: { tenant: 'other' }, 2: { period: '2027-01-14' } } as const;
    await store.intermediates.insert(intermediateOf(5), true);
    await store.intermediates.insert(intermediateOf(3, others[3]), false);
    await store.intermediates.insert(intermediateOf(1), false);
    await store.intermediates.insert(intermediateOf(4), false);
    await store.intermediates.insert(intermediateOf(2, others[2]), false);
    await store.intermediates.destroy(idOf(4), NOW);
    assert.deepEqual(await listed(), [1, 2, 3, 5]);
    assert.deepEqual(await listed({ tenant: 'acme' }), [1, 2, 5]);
    assert.deepEqual(await listed({ period: DAY }), [1, 3, 5]);
    assert.deepEqual(await listed({ tenant: 'acme', period: DAY }), [1, 5]);
    assert.deepEqual(await listed({ tenant: 'nobody' }), []);
    const copies = (await store.intermediates.list()).map((key) => key.copy);
    assert.deepEqual(copies, [null, null, null, copy('kek-1')]);
  });

  describe('intermediate keys: replace and copied', () => {
    it('wrap it anew over a restart, mark its copy as stale and note a fresh one', async () => {
      const key = intermediateOf(1);
      await store.intermediates.insert(key, true);
      const to = wrappedBy('kek-2');
      assert.equal(await store.intermediates.replace(key.id, key.wrapped, to), true);
      const { intermediates } = await opened().reopen();
      const expected = { ...key, wrapped: to, copy: copy('kek-1', true) };
      assert.deepEqual(plain(await intermediates.get(key.id)), plain(expected));
      assert.equal(await intermediates.copied(key.id, to), true);
      assert.deepEqual((await intermediates.get(key.id))?.copy, copy('kek-2'));
      assert.equal(await intermediates.copied(key.id, null), true);
      assert.equal((await intermediates.get(key.id))?.copy, null);
    });

    it('change nothing where it is wrapped otherwise, destroyed or not there', async () => {
      const key = intermediateOf(1);
      await store.intermediates.insert(key, false);
      for (const other of [{ wrapperId: 'kms' }, { kekId: 'kek-0' }, { bytes: wrappedOf().bytes }]) {
        const from = { ...key.wrapped, ...other };
        assert.equal(await store.intermediates.replace(key.id, from, wrappedBy('kek-2')), false);
        assert.equal(await store.intermediates.copied(key.id, from), false);
      }
      assert.deepEqual(plain(await store.intermediates.get(key.id)), plain({ ...key, copy: null }));
      await store.intermediates.destroy(key.id, NOW);
      for (const id of [key.id, idOf(9)]) {
        assert.equal(await store.intermediates.replace(id, key.wrapped, wrappedBy('kek-2')), false);
        assert.equal(await store.intermediates.copied(id, key.wrapped), false);
        assert.equal(await store.intermediates.copied(id, null), false);
      }
    });

    it('let one of 50 concurrent changes win', async () => {
      const key = intermediateOf(1);
      await store.intermediates.insert(key, false);
      const to = Array.from({ length: 50 }, (_, n) => wrappedBy(`kek-${n + 2}`));
      const results = await Promise.all(
        to.map((wrapped) => store.intermediates.replace(key.id, key.wrapped, wrapped)),
      );
      assert.equal(results.filter(Boolean).length, 1);
      const winner = to[results.indexOf(true)];
      assert.deepEqual(plain((await store.intermediates.get(key.id))?.wrapped), plain(winner));
    });
  });

  describe('intermediate keys: uses and destroy', () => {
    it('count living keys of objects that it wraps', async () => {
      for (const n of [1, 2]) await store.intermediates.insert(intermediateOf(n), false);
      assert.equal(await store.intermediates.uses(idOf(1)), 0);
      await putSlot(1, under(1));
      await putSlot(2, under(1), 'deleting');
      await putSlot(3, under(2));
      await putSlot(4, wrappedBy(idOf(1), 'local'));
      assert.equal(await store.intermediates.uses(idOf(1)), 2);
      await store.uploads.bury(idOf(2), uploadOf(2), buriedAt(NOW));
      assert.equal(await store.intermediates.uses(idOf(1)), 1);
      assert.equal(await store.intermediates.uses(idOf(9)), 0);
    });

    it('destroy nothing while a living key is wrapped by it, and nothing twice', async () => {
      const key = intermediateOf(1);
      await store.intermediates.insert(key, false);
      const wrapped = under(1);
      await putSlot(1, wrapped);
      assert.equal(await store.intermediates.destroy(key.id, NOW), false);
      assert.deepEqual(plain(await store.intermediates.get(key.id)), plain({ ...key, copy: null }));
      await store.keys.replace([{ ...cursorOf(1), from: wrapped, to: wrappedOf() }]);
      assert.equal(await store.intermediates.destroy(key.id, NOW), true);
      assert.equal(await store.intermediates.destroy(key.id, NOW), false);
      assert.equal(await store.intermediates.destroy(idOf(9), NOW), false);
      const { intermediates } = await opened().reopen();
      assert.equal(await intermediates.get(key.id), undefined);
    });

    it('no key is stored under one that was destroyed meanwhile', async () => {
      for (const n of [1, 2]) await store.intermediates.insert(intermediateOf(n), false);
      await putSlot(1, under(2));
      const before = await store.keys.get(idOf(1), 1);
      assert.equal(await store.intermediates.destroy(idOf(1), NOW), true);
      const at = { now: NOW, writesUntil: NOW, nextCheckAt: NOW };
      const { uploads, keys } = store;
      const late = [
        () => putSlot(2, under(1)),
        () => uploads.adopt(uploadOf(2), under(1), []),
        () => keys.begin({ ...uploadOf(1), nextGeneration: 2 }, under(1), at, false),
        () => keys.replace([{ ...cursorOf(1), from: before!.wrapped, to: under(1) }]),
      ];
      for (const store of late) await assert.rejects(store(), DependencyUnavailable);
      assert.equal(await uploads.get('acme', idOf(2)), undefined);
      assert.equal((await uploads.get('acme', idOf(1)))?.nextGeneration, null);
      assert.deepEqual(plain(await keys.all(idOf(1))), plain([before]));
    });

    it('of its end and slots under it, 50 times at once, no key is left without it', async () => {
      for (let n = 0; n < 50; n++) await store.intermediates.insert(intermediateOf(n), false);
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, async (_, n) => {
          const insert = () =>
            putSlot(n, under(n)).then(
              () => 'stored',
              () => 'refused',
            );
          const destroy = () => store.intermediates.destroy(idOf(n), NOW);
          const both = n % 2 === 0 ? [insert(), destroy()] : [destroy(), insert()];
          return new Set(await Promise.all(both));
        }),
      );
      for (const outcome of outcomes) {
        const isKept = outcome.has('stored') && outcome.has(false);
        const isEnded = outcome.has('refused') && outcome.has(true);
        assert.ok(isKept || isEnded, [...outcome].join());
      }
    });
  });
}
