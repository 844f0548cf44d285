import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Store } from '../../src/store/port.ts';
import { UPLOAD_STATES, type Upload } from '../../src/uploads/upload.ts';
import {
  buriedAt,
  cursorOf,
  idOf,
  insertOne,
  NOW,
  plain,
  uploadedOf,
  wrappedBy,
  wrappedOf,
  type OpenedStore,
} from './store-rows.ts';

/** What a re-key needs of the store; a part of its contract. */
export function generationsSuite(opened: () => OpenedStore): void {
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
  const begin = async (n: number, key = wrappedBy('kek-2'), generation = 1) => {
    const nextGeneration = (await store.keys.lastGeneration(idOf(n))) + 1;
    return store.keys.begin({ id: idOf(n), generation, nextGeneration }, key, at, false);
  };
  const moved = { etag: '"new"', versionId: 'v2', nextCheckAt: NOW + 70_000 };
  const generations = async (n: number) =>
    (await store.keys.all(idOf(n))).map(({ generation }) => generation);

  describe('begin', () => {
    it('adds a generation over a restart, and raises urlEndsAt', async () => {
      const upload = uploadedOf(1);
      const [old, key] = [await put(upload), wrappedBy('kek-2')];
      const begun = await store.keys.begin({ ...upload, nextGeneration: 2 }, key, at, true);
      const expected = {
        ...upload,
        nextGeneration: 2,
        urlEndsAt: at.writesUntil,
        nextCheckAt: at.nextCheckAt,
      };
      assert.deepEqual(begun, expected);
      const again = await opened().reopen();
      assert.deepEqual(await again.uploads.get('acme', upload.id), expected);
      const copy = { wrapperId: 'local', kekId: 'kek-2', isStale: false };
      assert.deepEqual(
        plain(await again.keys.all(upload.id)),
        plain([
          { generation: 1, versionId: null, wrapped: old, copy: null },
          { generation: 2, versionId: null, wrapped: key, copy },
        ]),
      );
    });

    it('never lowers urlEndsAt', async () => {
      const upload = uploadedOf(1, { urlEndsAt: at.writesUntil + 1 });
      await put(upload);
      assert.equal((await begin(1))?.urlEndsAt, at.writesUntil + 1);
    });

    it('writes nothing in another state, under another generation, twice, or where no slot is', async () => {
      for (const [n, state] of UPLOAD_STATES.filter((state) => state !== 'uploaded').entries()) {
        const upload = uploadedOf(n, { state });
        await put(upload);
        assert.equal(await begin(n), undefined, state);
        assert.deepEqual(await store.uploads.get('acme', upload.id), upload);
        assert.deepEqual(await generations(n), [1]);
      }
      await put(uploadedOf(10));
      assert.equal(await begin(10, wrappedOf(), 2), undefined);
      const begun = await begin(10);
      assert.equal(await begin(10), undefined);
      assert.deepEqual(await store.uploads.get('acme', idOf(10)), begun);
      assert.deepEqual(await generations(10), [1, 2]);
      assert.equal(await begin(11), undefined);
    });

    it('lets one of 50 concurrent ones win', async () => {
      await put(uploadedOf(1));
      const keys = Array.from({ length: 50 }, () => wrappedOf());
      const results = await Promise.all(keys.map((key) => begin(1, key)));
      const winners = keys.filter((_, n) => results[n] !== undefined);
      assert.equal(winners.length, 1);
      assert.deepEqual(plain((await store.keys.get(idOf(1), 2))?.wrapped), plain(winners[0]));
      assert.deepEqual(await generations(1), [1, 2]);
    });

    it('never gives a number twice', async () => {
      await put(uploadedOf(1));
      await begin(1);
      assert.equal(await store.keys.destroy(cursorOf(1, 2), NOW), true);
      assert.equal((await begin(1))?.nextGeneration, 3);
      assert.deepEqual(await generations(1), [1, 3]);
      assert.equal(await store.keys.lastGeneration(idOf(1)), 3);
      assert.equal(await store.keys.lastGeneration(idOf(9)), 0);
    });

    it('takes no other number than the next: the key was wrapped for it', async () => {
      await put(uploadedOf(1));
      for (const nextGeneration of [0, 1, 3]) {
        const upload = { id: idOf(1), generation: 1, nextGeneration };
        assert.equal(await store.keys.begin(upload, wrappedOf(), at, false), undefined);
      }
      assert.deepEqual(await generations(1), [1]);
    });
  });

  describe('advance', () => {
    it('moves the slot on over a restart; the generation before keeps its key and its version', async () => {
      const upload = uploadedOf(1);
      const [old, key] = [await put(upload), wrappedBy('kek-2')];
      const begun = await begin(1, key);
      const expected = { ...begun!, ...moved, generation: 2, nextGeneration: null };
      assert.deepEqual(await store.keys.advance(begun!, moved), expected);
      const again = await opened().reopen();
      assert.deepEqual(await again.uploads.get('acme', upload.id), expected);
      assert.deepEqual(
        plain(await again.keys.all(upload.id)),
        plain([
          { generation: 1, versionId: 'v1', wrapped: old, copy: null },
          { generation: 2, versionId: null, wrapped: key, copy: null },
        ]),
      );
    });

    it('can be followed by another re-key', async () => {
      await put(uploadedOf(1));
      await store.keys.advance((await begin(1))!, moved);
      const second = await begin(1, wrappedOf(), 2);
      assert.equal(second?.nextGeneration, 3);
      const object = { etag: null, versionId: null, nextCheckAt: null };
      const after = await store.keys.advance(second, object);
      assert.deepEqual(after, { ...second, ...object, generation: 3, nextGeneration: null });
      const versions = (await store.keys.all(idOf(1))).map(({ versionId }) => versionId);
      assert.deepEqual(versions, ['v1', 'v2', null]);
    });

    it('writes nothing when the generation is another, none is begun, or the slot is not uploaded', async () => {
      const upload = uploadedOf(1);
      await put(upload);
      const advance = (nextGeneration: number | null) =>
        store.keys.advance({ id: upload.id, nextGeneration }, moved);
      assert.equal(await advance(null), undefined);
      assert.equal(await advance(2), undefined);
      assert.deepEqual(await store.uploads.get('acme', upload.id), upload);
      await begin(1);
      assert.equal(await advance(3), undefined);
      assert.equal(await advance(null), undefined);
      const deleting = await store.uploads.update(upload.id, ['uploaded'], { state: 'deleting' });
      assert.equal(await advance(2), undefined);
      assert.deepEqual(await store.uploads.get('acme', upload.id), deleting);
      assert.equal((await store.keys.get(upload.id, 1))?.versionId, null);
      assert.equal(await store.keys.advance({ id: idOf(9), nextGeneration: 2 }, moved), undefined);
    });

    it('is done once by 50 concurrent ones', async () => {
      await put(uploadedOf(1));
      const begun = (await begin(1))!;
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, n) => store.keys.advance(begun, { ...moved, etag: `"${n}"` })),
      );
      const winners = results.filter((slot) => slot !== undefined);
      assert.equal(winners.length, 1);
      assert.deepEqual(await store.uploads.get('acme', idOf(1)), winners[0]);
    });
  });

  describe('destroy', () => {
    it('ends a superseded generation over a restart', async () => {
      const upload = uploadedOf(1);
      await put(upload);
      const after = await store.keys.advance((await begin(1))!, moved);
      assert.equal(await store.keys.destroy(cursorOf(1, 1), NOW + 5), true);
      const again = await opened().reopen();
      assert.equal(await again.keys.get(upload.id, 1), undefined);
      assert.deepEqual(
        (await again.keys.all(upload.id)).map(({ generation }) => generation),
        [2],
      );
      assert.deepEqual(await again.uploads.get('acme', upload.id), after);
    });

    it('gives up the re-key of a nextGeneration', async () => {
      await put(uploadedOf(1));
      const begun = await begin(1);
      assert.equal(await store.keys.destroy(cursorOf(1, 2), NOW), true);
      assert.deepEqual(await store.uploads.get('acme', idOf(1)), { ...begun, nextGeneration: null });
      assert.equal(await store.keys.advance(begun!, moved), undefined);
      assert.deepEqual(await generations(1), [1]);
    });

    it('leaves a re-key under way alone when another generation ends', async () => {
      await put(uploadedOf(1));
      await store.keys.advance((await begin(1))!, moved);
      const begun = await begin(1, wrappedOf(), 2);
      assert.equal(await store.keys.destroy(cursorOf(1, 1), NOW), true);
      assert.deepEqual(await store.uploads.get('acme', idOf(1)), begun);
      assert.deepEqual(await generations(1), [2, 3]);
    });

    it('destroys neither the current generation nor one that is not there, and none twice', async () => {
      await put(uploadedOf(1));
      assert.equal(await store.keys.destroy(cursorOf(1, 1), NOW), false);
      assert.equal(await store.keys.destroy(cursorOf(1, 2), NOW), false);
      assert.equal(await store.keys.destroy(cursorOf(9, 1), NOW), false);
      assert.deepEqual(await generations(1), [1]);
      await begin(1);
      const results = await Promise.all(
        Array.from({ length: 50 }, () => store.keys.destroy(cursorOf(1, 2), NOW)),
      );
      assert.equal(results.filter(Boolean).length, 1);
      assert.deepEqual(await generations(1), [1]);
    });

    it('of advance and the end of its generation, one wins', async () => {
      for (let n = 0; n < 10; n++) {
        await put(uploadedOf(n));
        const begun = (await begin(n))!;
        const advance = () => store.keys.advance(begun, moved);
        const destroy = () => store.keys.destroy(cursorOf(n, 2), NOW);
        const [one, two] = await Promise.all(n % 2 === 0 ? [advance(), destroy()] : [destroy(), advance()]);
        assert.equal([one, two].filter(Boolean).length, 1);
        const slot = await store.uploads.get('acme', idOf(n));
        assert.ok(await store.keys.get(idOf(n), slot!.generation), 'the current key lives');
      }
    });
  });

  it('bury destroys all generations and ends a re-key', async () => {
    await put(uploadedOf(1));
    await store.keys.advance((await begin(1))!, moved);
    const begun = (await begin(1, wrappedOf(), 2))!;
    await store.uploads.update(begun.id, ['uploaded'], { state: 'deleting', deletingAt: NOW });
    assert.deepEqual(await generations(1), [1, 2, 3]);
    assert.equal(await store.uploads.bury(begun.id, begun, buriedAt(NOW)), true);
    assert.deepEqual(await generations(1), []);
    const tombstone = await store.uploads.get('acme', begun.id);
    assert.equal(tombstone?.nextGeneration, null);
    assert.equal(tombstone.generation, 2);
  });
}
