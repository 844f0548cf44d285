import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Store } from '../../src/store/port.ts';
import { UPLOAD_STATES, type Upload } from '../../src/uploads/upload.ts';
import {
  buriedAt,
  forgottenAt,
  idempotencyOf,
  idOf,
  insertOne,
  messageOf,
  NOW,
  uploadOf,
  wrappedOf,
  type OpenedStore,
} from './store-rows.ts';

const MISMATCHES = [{ field: 'size', expected: 5, actual: null }];

/** How slots and their keys end; a part of the store's contract. */
export function endingsSuite(opened: () => OpenedStore): void {
  let store: Store;
  beforeEach(() => {
    store = opened().store;
  });
  const put = (upload: Upload) => insertOne(store, upload);

  describe('bury and forget', () => {
    it('bury leaves a tombstone without key, filename, metadata and mismatches', async () => {
      const upload = uploadOf(1, { state: 'deleting', deletingAt: NOW, mismatches: MISMATCHES });
      await put(upload);
      assert.equal(await store.uploads.bury(upload.id, upload, buriedAt(NOW + 5)), true);
      assert.equal(await store.keys.get(upload.id, 1), undefined);
      const texts = { filename: null, metadata: {}, mismatches: null };
      const expected: Upload = { ...upload, ...texts, ...buriedAt(NOW + 5), state: 'deleted' };
      assert.deepEqual(await store.uploads.get('acme', upload.id), expected);
      assert.equal(await store.uploads.bury(upload.id, upload, buriedAt(NOW + 6)), false);
      const again = await opened().reopen();
      assert.equal(await again.keys.get(upload.id, 1), undefined);
      assert.deepEqual(await again.uploads.get('acme', upload.id), expected);
    });

    it('forget destroys the key of an expired or rejected slot, once, which stays what it is', async () => {
      for (const [n, state] of (['expired', 'rejected'] as const).entries()) {
        const upload = uploadOf(n, { state, mismatches: MISMATCHES });
        await put(upload);
        assert.equal(await store.uploads.forget(upload.id, upload, forgottenAt(NOW + 5)), true);
        assert.equal(await store.keys.get(upload.id, 1), undefined);
        const expected = { ...upload, ...forgottenAt(NOW + 5) };
        assert.deepEqual(await store.uploads.get('acme', upload.id), expected);
        assert.equal(await store.uploads.forget(upload.id, upload, forgottenAt(NOW + 9)), false);
        assert.deepEqual(await store.uploads.get('acme', upload.id), expected);
      }
    });

    it('do nothing when the state is another or a later URL was handed out', async () => {
      for (const [n, state] of UPLOAD_STATES.entries()) {
        const upload = uploadOf(n, { state });
        await put(upload);
        const stale = { urlEndsAt: upload.urlEndsAt - 1 };
        const message = messageOf(n, { uploadId: upload.id });
        const forBury = state === 'deleting' ? stale : upload;
        const forForget = state === 'expired' || state === 'rejected' ? stale : upload;
        assert.equal(await store.uploads.bury(upload.id, forBury, buriedAt(NOW), [message]), false);
        assert.equal(await store.uploads.forget(upload.id, forForget, forgottenAt(NOW)), false);
        assert.deepEqual(await store.uploads.get('acme', upload.id), upload);
        assert.notEqual(await store.keys.get(upload.id, 1), undefined);
      }
      assert.deepEqual(await store.outbox.list({ limit: 9 }), []);
    });

    it('destroy no other slot’s key', async () => {
      const [upload, expired] = [uploadOf(1, { state: 'deleting' }), uploadOf(3, { state: 'expired' })];
      for (const slot of [upload, uploadOf(2), expired]) await put(slot);
      assert.ok(await store.uploads.bury(upload.id, upload, buriedAt(NOW)));
      assert.ok(await store.uploads.forget(expired.id, expired, forgottenAt(NOW)));
      assert.notEqual(await store.keys.get(idOf(2), 1), undefined);
    });

    it('a forgotten slot never becomes uploaded', async () => {
      const upload = uploadOf(1, { state: 'expired' });
      await put(upload);
      await store.uploads.forget(upload.id, upload, forgottenAt(NOW));
      assert.equal(await store.uploads.update(upload.id, ['expired'], { state: 'uploaded' }), undefined);
    });
  });

  describe('purge', () => {
    /** Slot `n` as it is after its end. */
    async function ended(n: number, state: 'deleting' | 'expired' | 'rejected', tenant = 'acme') {
      const upload = uploadOf(n, { state, tenant });
      await insertOne(store, upload, wrappedOf(), idempotencyOf(n, { key: `order-${n}`, tenant }));
      const { uploads } = store;
      const done =
        state === 'deleting'
          ? uploads.bury(upload.id, upload, buriedAt(NOW))
          : uploads.forget(upload.id, upload, forgottenAt(NOW));
      assert.equal(await done, true);
      return upload;
    }
    const isIdempotent = async (n: number) =>
      (await store.uploads.findIdempotent('acme', 'key:ci', `order-${n}`, NOW)) !== undefined;

    it('removes tombstones and forgotten slots over a restart, as if they had never been', async () => {
      for (const [n, state] of (['deleting', 'expired', 'rejected'] as const).entries()) {
        const { id } = await ended(n, state);
        assert.equal(await store.uploads.purge(id), true, state);
        assert.equal(await isIdempotent(n), false);
        assert.equal(await store.keys.lastGeneration(id), 0);
        assert.equal(await store.uploads.purge(id), false);
      }
      assert.deepEqual(await store.uploads.claimDue(NOW * 2, NOW * 3, 10), []);
      store = await opened().reopen();
      assert.equal(await store.uploads.get('acme', idOf(0)), undefined);
      const again = uploadOf(0);
      const record = idempotencyOf(0, { key: 'order-0' });
      assert.equal(await insertOne(store, again, wrappedOf(), record), undefined);
      assert.deepEqual(await store.uploads.get('acme', again.id), again);
    });

    it('refuses slots in every other state, those without a slot, and those with a living key', async () => {
      for (const [n, state] of UPLOAD_STATES.entries()) {
        const upload = uploadOf(n, { state });
        await insertOne(store, upload, wrappedOf(), idempotencyOf(n, { key: `order-${n}` }));
        assert.equal(await store.uploads.purge(upload.id), false, state);
        assert.deepEqual(await store.uploads.get('acme', upload.id), upload);
        assert.ok(await store.keys.get(upload.id, 1));
        assert.equal(await isIdempotent(n), true);
      }
      assert.equal(await store.uploads.purge(idOf(99)), false);
    });

    it('refuses a forgotten slot with a living key, and one that is on its way to a tombstone', async () => {
      const restored = uploadOf(1, { state: 'expired', ...forgottenAt(NOW) });
      const found = { generation: 1, versionId: null, wrapped: wrappedOf(), copy: null };
      await store.keys.restore(restored, [found], []);
      assert.equal(await store.uploads.purge(restored.id), false);
      const { id } = await ended(2, 'expired');
      await store.uploads.update(id, ['expired'], { state: 'deleting', deletingAt: NOW });
      assert.equal(await store.uploads.purge(id), false);
      assert.ok(await store.uploads.get('acme', id));
    });

    it('leaves other slots alone, and a record that has taken the place of its own', async () => {
      const others = [await ended(2, 'deleting'), await ended(3, 'expired', 'other')];
      const upload = uploadOf(1, { state: 'expired' });
      const record = (n: number, expiresAt: number) => idempotencyOf(n, { key: 'shared', expiresAt });
      await insertOne(store, upload, wrappedOf(), record(1, NOW + 1));
      await insertOne(store, uploadOf(4), wrappedOf(), record(4, NOW + 9), NOW + 2);
      await store.uploads.forget(upload.id, upload, forgottenAt(NOW));
      assert.equal(await store.uploads.purge(upload.id), true);
      const shared = await store.uploads.findIdempotent('acme', 'key:ci', 'shared', NOW);
      assert.deepEqual(shared, record(4, NOW + 9));
      assert.equal(await isIdempotent(2), true);
      for (const { tenant, id } of others) assert.ok(await store.uploads.get(tenant, id));
      assert.ok(await store.keys.get(idOf(4), 1));
    });

    it('takes ended messages of the slot with it, and leaves those that are pending', async () => {
      const { id } = await ended(1, 'expired');
      const [delivered, dead, pending, of2] = [1, 2, 3, 4].map((n) =>
        messageOf(n, { uploadId: n === 4 ? idOf(2) : id }),
      );
      assert.ok(delivered && dead && pending && of2);
      await put(uploadOf(2));
      await store.uploads.update(id, ['expired'], {}, {}, [delivered, dead, pending]);
      await store.uploads.update(idOf(2), ['issued'], {}, {}, [of2]);
      const claimed = () => store.outbox.claim(NOW + 10, NOW + 90, 9);
      for (const message of await claimed())
        await store.outbox.note(message, { state: 'delivered', endedAt: NOW });
      for (const message of await claimed())
        await store.outbox.note(message, { state: 'dead', endedAt: NOW, lastFailure: 'no' });
      assert.equal(await store.uploads.purge(id), true);
      const left = (await store.outbox.list({ limit: 9 })).map((message) => message.id);
      assert.deepEqual(left, [of2.id, pending.id]);
    });
  });
}
