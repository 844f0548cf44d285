import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { DependencyUnavailable } from '../../src/errors.ts';
import type { NewSlot, Store } from '../../src/store/port.ts';
import { UPLOAD_STATES, type Upload } from '../../src/uploads/upload.ts';
import {
  idempotencyOf,
  idOf,
  insertOne,
  messageOf,
  NOW,
  plain,
  uploadOf,
  wrappedBy,
  wrappedOf,
  type OpenedStore,
} from './store-rows.ts';

/** Slots by the thousand, and what slots of every method have; a part of the store's contract. */
export function batchSuite(opened: () => OpenedStore): void {
  let store: Store;
  beforeEach(() => {
    store = opened().store;
  });
  const slotOf = (n: number, changes: Partial<Upload> = {}): NewSlot => ({
    upload: uploadOf(n, changes),
    key: wrappedBy(`kek-${n}`),
    hasCopy: n % 2 === 0,
  });
  const multipart = { method: 'multipart', partSize: 5_242_880 } as const;

  describe('insert of several slots', () => {
    it('keeps 1,000 slots, their keys and one record over a restart', async () => {
      // Not in the order of their ids.
      const slots = Array.from({ length: 1000 }, (_, n) => slotOf((n * 371) % 1000));
      const uploadIds = slots.map(({ upload }) => upload.id);
      const record = idempotencyOf(1, { uploadIds });
      assert.equal(await store.uploads.insert(slots, record, NOW), undefined);
      const again = await opened().reopen();
      assert.deepEqual(await again.uploads.findIdempotent('acme', 'key:ci', 'order-17', NOW), record);
      assert.equal((await again.uploads.list('acme', { limit: 2000, now: NOW })).length, 1000);
      for (const { upload, key, hasCopy } of slots) {
        assert.deepEqual(await again.uploads.get('acme', upload.id), upload);
        const stored = await again.keys.get(upload.id, 1);
        assert.deepEqual(plain(stored?.wrapped), plain(key));
        assert.equal(stored?.copy !== null, hasCopy);
      }
    });

    it('writes nothing when one of them fails', async () => {
      await insertOne(store, uploadOf(500));
      const slots = Array.from({ length: 1000 }, (_, n) => slotOf(n));
      const uploadIds = slots.map(({ upload }) => upload.id);
      const attempt = store.uploads.insert(slots, idempotencyOf(1, { uploadIds }), NOW);
      await assert.rejects(attempt, DependencyUnavailable);
      assert.equal((await store.uploads.list('acme', { limit: 2000, now: NOW })).length, 1);
      assert.equal((await store.keys.page({ limit: 2000 })).length, 1);
      const record = await store.uploads.findIdempotent('acme', 'key:ci', 'order-17', NOW);
      assert.equal(record, undefined);
    });

    it('is done once by 20 concurrent ones with one identity', async () => {
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, n) => {
          const slots = [slotOf(n * 2), slotOf(n * 2 + 1)];
          const uploadIds = slots.map(({ upload }) => upload.id);
          return store.uploads.insert(slots, idempotencyOf(n, { uploadIds }), NOW);
        }),
      );
      const winner = results.indexOf(undefined);
      const stored = await store.uploads.list('acme', { limit: 100, now: NOW });
      assert.deepEqual(
        stored.map(({ id }) => id),
        [idOf(winner * 2 + 1), idOf(winner * 2)],
      );
      const losers = results.filter((record) => record !== undefined);
      assert.equal(losers.length, 19);
      for (const { uploadIds } of losers) {
        assert.deepEqual(uploadIds, [idOf(winner * 2), idOf(winner * 2 + 1)]);
      }
    });
  });

  it('a slot keeps its checksum, method and what differed over a restart', async () => {
    const uploads = [
      uploadOf(1, { sha256: 'c2hh', method: 'POST' }),
      uploadOf(2, { crc32c: 'AAAAAA==' }),
      uploadOf(3, { crc64nvme: 'AAAAAAAAAAA=', ...multipart, multipartUploadId: 'u.1~+/=' }),
      uploadOf(4, { state: 'rejected', mismatches: [{ field: 'size', expected: 7, actual: 'naïve' }] }),
      uploadOf(5, { state: 'deleting', forgottenAt: NOW }),
    ];
    for (const upload of uploads) await insertOne(store, upload);
    const again = await opened().reopen();
    for (const upload of uploads) assert.deepEqual(await again.uploads.get('acme', upload.id), upload);
  });

  describe('extend', () => {
    const later = NOW + 5_000_000;

    it('raises urlEndsAt of issued slots and gives them in the order asked for', async () => {
      for (const n of [1, 2, 3]) await insertOne(store, uploadOf(n));
      const extended = await store.uploads.extend([idOf(3), idOf(1)], later);
      assert.deepEqual(extended, [
        { ...uploadOf(3), urlEndsAt: later },
        { ...uploadOf(1), urlEndsAt: later },
      ]);
      const again = await opened().reopen();
      assert.deepEqual(await again.uploads.get('acme', idOf(3)), extended[0]);
      assert.deepEqual(await again.uploads.get('acme', idOf(2)), uploadOf(2));
      assert.deepEqual(await again.uploads.extend([], later), []);
    });

    it('never lowers it', async () => {
      await insertOne(store, uploadOf(1, { urlEndsAt: later }));
      await insertOne(store, uploadOf(2));
      const extended = await store.uploads.extend([idOf(1), idOf(2)], later - 1);
      assert.deepEqual(
        extended.map(({ urlEndsAt }) => urlEndsAt),
        [later, later - 1],
      );
    });

    it('passes over slots in every other state, and those that are not there', async () => {
      for (const [n, state] of UPLOAD_STATES.entries()) await insertOne(store, uploadOf(n, { state }));
      const ids = [idOf(99), ...UPLOAD_STATES.map((_, n) => idOf(n))];
      const extended = await store.uploads.extend(ids, later);
      assert.deepEqual(
        extended.map(({ state }) => state),
        ['issued'],
      );
      for (const [n, state] of UPLOAD_STATES.entries()) {
        const { urlEndsAt } = (await store.uploads.get('acme', idOf(n)))!;
        assert.equal(urlEndsAt === later, state === 'issued', state);
      }
    });
  });

  describe('makeDue', () => {
    it('has slots that wait looked at soon, in the order asked for, and never later than before', async () => {
      await insertOne(store, uploadOf(1, { nextCheckAt: NOW + 9 }));
      await insertOne(store, uploadOf(2, { nextCheckAt: null, state: 'expired' }));
      await insertOne(store, uploadOf(3, { nextCheckAt: NOW - 9 }));
      await insertOne(store, uploadOf(4, { nextCheckAt: NOW + 9 }));
      const due = await store.uploads.makeDue([idOf(3), idOf(2), idOf(1)], NOW);
      assert.deepEqual(due, [
        uploadOf(3, { nextCheckAt: NOW - 9 }),
        uploadOf(2, { nextCheckAt: NOW, state: 'expired' }),
        uploadOf(1, { nextCheckAt: NOW }),
      ]);
      const again = await opened().reopen();
      for (const upload of due) assert.deepEqual(await again.uploads.get('acme', upload.id), upload);
      assert.equal((await again.uploads.get('acme', idOf(4)))?.nextCheckAt, NOW + 9);
      assert.deepEqual(await again.uploads.makeDue([], NOW), []);
    });

    it('passes over slots in every other state, forgotten ones, and those that are not there', async () => {
      const far = { nextCheckAt: NOW + 9 };
      for (const [n, state] of UPLOAD_STATES.entries())
        await insertOne(store, uploadOf(n, { state, ...far }));
      const forgotten = uploadOf(50, { state: 'expired', forgottenAt: NOW, ...far });
      await insertOne(store, forgotten);
      const ids = [idOf(99), forgotten.id, ...UPLOAD_STATES.map((_, n) => idOf(n))];
      const due = await store.uploads.makeDue(ids, NOW);
      assert.deepEqual(
        due.map(({ state }) => state),
        ['issued', 'expired'],
      );
      assert.deepEqual(await store.uploads.get('acme', forgotten.id), forgotten);
      const kept = await store.uploads.get('acme', idOf(UPLOAD_STATES.indexOf('deleting')));
      assert.equal(kept?.nextCheckAt, NOW + 9);
    });
  });

  describe('update with what is expected', () => {
    it('notes the multipart upload once', async () => {
      await insertOne(store, uploadOf(1, multipart));
      const begin = (multipartUploadId: string) =>
        store.uploads.update(idOf(1), ['issued'], { multipartUploadId }, { multipartUploadId: null });
      const results = await Promise.all([begin('one'), begin('two')]);
      assert.deepEqual(
        results.map((upload) => upload?.multipartUploadId),
        ['one', undefined],
      );
      const wrong = { multipartUploadId: 'two' };
      const clear = (expected: { multipartUploadId: string }) =>
        store.uploads.update(idOf(1), ['issued'], { multipartUploadId: null }, expected);
      assert.equal(await clear(wrong), undefined);
      assert.equal((await clear({ multipartUploadId: 'one' }))?.multipartUploadId, null);
    });

    it('writes nothing unless each is as given; what is not given does not count', async () => {
      const upload = uploadOf(1, { ...multipart, multipartUploadId: 'u', nextCheckAt: NOW });
      await insertOne(store, upload);
      const update = (expected: Parameters<Store['uploads']['update']>[3]) =>
        store.uploads.update(upload.id, ['issued'], { etag: 'x' }, expected);
      for (const expected of [
        { nextCheckAt: null },
        { nextCheckAt: NOW + 1 },
        { multipartUploadId: null },
        { multipartUploadId: 'u', nextCheckAt: NOW + 1 },
        { multipartUploadId: 'v', nextCheckAt: NOW },
      ]) {
        assert.equal(await update(expected), undefined, JSON.stringify(expected));
      }
      assert.deepEqual(await store.uploads.get('acme', upload.id), upload);
      for (const expected of [
        { multipartUploadId: 'u', nextCheckAt: NOW },
        { nextCheckAt: NOW },
        { multipartUploadId: 'u' },
        {},
      ]) {
        assert.ok(await update(expected), JSON.stringify(expected));
      }
    });

    it('keeps and clears what differs', async () => {
      await insertOne(store, uploadOf(1));
      const mismatches = [{ field: 'metadata.case', expected: '42', actual: null }];
      const patch = { state: 'rejected', mismatches } as const;
      const rejected = await store.uploads.update(idOf(1), ['issued'], patch);
      assert.deepEqual(rejected, { ...uploadOf(1), ...patch });
      const kept = await store.uploads.update(idOf(1), ['rejected'], { etag: 'x' });
      assert.deepEqual(kept?.mismatches, mismatches);
      const cleared = await store.uploads.update(idOf(1), ['rejected'], { mismatches: null });
      assert.equal(cleared?.mismatches, null);
    });

    it('tells nobody when it is lost', async () => {
      await insertOne(store, uploadOf(1));
      const tell = (n: number) =>
        store.uploads.update(idOf(1), ['issued'], { state: 'rejected' }, {}, [messageOf(n)]);
      const results = await Promise.all([1, 2, 3].map(tell));
      assert.equal(results.filter(Boolean).length, 1);
      const told = await store.outbox.list({ limit: 9 });
      assert.deepEqual(
        told.map(({ id }) => id),
        [messageOf(results.findIndex(Boolean) + 1).id],
      );
    });
  });
  it('keys of one batch are apart', async () => {
    const key = wrappedOf();
    await store.uploads.insert(
      [1, 2].map((n) => ({ upload: uploadOf(n, { state: 'uploaded' }), key, hasCopy: false })),
      undefined,
      NOW,
    );
    const to = wrappedBy('kek-9');
    const change = { uploadId: idOf(1), generation: 1, from: key, to };
    assert.deepEqual(await store.keys.replace([change]), [true]);
    assert.deepEqual(plain((await store.keys.get(idOf(2), 1))?.wrapped), plain(key));
  });
}
