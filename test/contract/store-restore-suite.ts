import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Store, StoredKey } from '../../src/store/port.ts';
import { INTERMEDIATE } from '../../src/custody/intermediate.ts';
import { DependencyUnavailable } from '../../src/errors.ts';
import { IntermediateGone } from '../../src/store/errors.ts';
import type { Upload } from '../../src/uploads/upload.ts';
import {
  buriedAt,
  forgottenAt,
  idOf,
  insertOne,
  intermediateOf,
  NOW,
  plain,
  uploadedOf,
  uploadOf,
  wrappedBy,
  wrappedOf,
  type OpenedStore,
} from './store-rows.ts';

/** What a recovery needs of the store; a part of its contract. */
export function restoreSuite(opened: () => OpenedStore): void {
  let store: Store;
  beforeEach(() => {
    store = opened().store;
  });

  const put = async (upload: Upload) => {
    const key = wrappedOf();
    await insertOne(store, upload, key);
    return key;
  };
  const at = { now: NOW + 1, writesUntil: NOW + 2_000_000, nextCheckAt: NOW + 60_000 };
  const generations = async (n: number) =>
    (await store.keys.all(idOf(n))).map(({ generation }) => generation);

  const foundOf = (generation: number): StoredKey => ({
    generation,
    versionId: generation === 2 ? null : `v${generation}`,
    wrapped: wrappedBy(`kek-${generation}`),
    copy: { wrapperId: 'local', kekId: `kek-${generation}`, isStale: generation === 1 },
  });

  describe('restore', () => {
    it('keeps a slot and its keys over a restart as they were found', async () => {
      const upload = uploadedOf(1, { generation: 4 });
      const keys = [foundOf(2), foundOf(4), foundOf(1)];
      assert.equal(await store.keys.restore(upload, keys, []), true);
      const again = await opened().reopen();
      assert.deepEqual(await again.uploads.get('acme', upload.id), upload);
      const sorted = keys.toSorted((a, b) => a.generation - b.generation);
      assert.deepEqual(plain(await again.keys.all(upload.id)), plain(sorted));
      const begun = await again.keys.begin({ ...upload, nextGeneration: 5 }, wrappedOf(), at, false);
      assert.equal(begun?.nextGeneration, 5);
    });

    it('writes nothing when the slot is there, whoever has it and whatever its state', async () => {
      const there = uploadOf(1, { tenant: 'other', state: 'deleting' });
      const key = await put(there);
      assert.equal(await store.keys.restore(uploadedOf(1, { generation: 2 }), [foundOf(2)], []), false);
      assert.deepEqual(plain((await store.keys.all(there.id)).map(({ wrapped }) => wrapped)), plain([key]));
      assert.equal(await store.uploads.bury(there.id, there, buriedAt(NOW)), true);
      assert.equal(await store.keys.restore(uploadedOf(1, { generation: 2 }), [foundOf(2)], []), false);
      assert.deepEqual(await generations(1), []);
      assert.equal(await store.uploads.get('acme', there.id), undefined);
    });

    it('writes nothing when a part of it fails', async () => {
      const twice = [foundOf(1), foundOf(1)];
      await assert.rejects(store.keys.restore(uploadedOf(1), twice, []), DependencyUnavailable);
      assert.equal(await store.uploads.get('acme', idOf(1)), undefined);
      assert.deepEqual(await generations(1), []);
    });

    it('writes nothing when one of its kin, of whatever tenant, has the same place', async () => {
      const there = uploadOf(7, { tenant: 'other', state: 'deleting' });
      await put(there);
      const { bucket, objectKey } = there;
      const kin = [idOf(99), there.id];
      for (const target of [there.target, 'another name of the same S3']) {
        const upload = uploadedOf(1, { target, bucket, objectKey });
        assert.equal(await store.keys.restore(upload, [foundOf(1)], kin), false);
        assert.equal(await store.uploads.get('acme', idOf(1)), undefined);
      }
      const elsewhere = uploadedOf(1, { bucket: 'elsewhere', objectKey });
      assert.equal(await store.keys.restore(elsewhere, [foundOf(1)], kin), true);
    });

    it('writes nothing under an intermediate key that is not there, or not any more', async () => {
      const under = (n: number): StoredKey => ({ ...foundOf(n), wrapped: wrappedBy(idOf(70), INTERMEDIATE) });
      const keys = [foundOf(1), under(2)];
      const upload = uploadedOf(1, { generation: 2 });
      const refused = () => assert.rejects(store.keys.restore(upload, keys, []), IntermediateGone);
      await refused();
      const intermediate = intermediateOf(70);
      await store.intermediates.insert(intermediate, false);
      await store.intermediates.destroy(intermediate.id, NOW);
      await refused();
      assert.equal(await store.uploads.get('acme', upload.id), undefined);
      assert.deepEqual(await generations(1), []);

      await store.intermediates.insert(intermediateOf(71), false);
      const alive = { ...foundOf(2), wrapped: wrappedBy(idOf(71), INTERMEDIATE) };
      assert.equal(await store.keys.restore(upload, [foundOf(1), alive], []), true);
    });

    it('is done once by 50 concurrent ones', async () => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          store.keys.restore(uploadedOf(1, { size: n }), [foundOf(1)], []),
        ),
      );
      assert.equal(results.filter(Boolean).length, 1);
      assert.equal((await store.uploads.get('acme', idOf(1)))?.size, results.indexOf(true));
    });
  });

  it('forget destroys all generations that were restored', async () => {
    const upload = uploadOf(1, { state: 'expired', generation: 2, nextGeneration: 3 });
    await store.keys.restore(upload, [1, 2, 3].map(foundOf), []);
    assert.equal(await store.uploads.forget(upload.id, upload, forgottenAt(NOW)), true);
    assert.deepEqual(await generations(1), []);
    assert.equal((await store.uploads.get('acme', upload.id))?.nextGeneration, null);
  });
}
