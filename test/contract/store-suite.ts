import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DependencyUnavailable } from '../../src/errors.ts';
import type { Store } from '../../src/store/port.ts';
import type { Upload, UploadState } from '../../src/uploads/upload.ts';
import { adoptSuite } from './store-adopt-suite.ts';
import { apiKeysSuite } from './store-api-keys-suite.ts';
import { grantsSuite } from './store-grants-suite.ts';
import { generationsSuite } from './store-generations-suite.ts';
import { restoreSuite } from './store-restore-suite.ts';
import { intermediatesSuite } from './store-intermediates-suite.ts';
import { keysSuite } from './store-keys-suite.ts';
import { batchSuite } from './store-batch-suite.ts';
import { dueSuite } from './store-due-suite.ts';
import { endingsSuite } from './store-endings-suite.ts';
import { leasesSuite } from './store-leases-suite.ts';
import { outboxAfterwardsSuite } from './store-outbox-afterwards-suite.ts';
import { outboxSuite } from './store-outbox-suite.ts';
import { quotasSuite } from './store-quotas-suite.ts';
import { rateLimitsSuite } from './store-rate-limits-suite.ts';
import { custodySuite } from './store-custody-suite.ts';
import { idempotencyOf, idOf, insertOne, NOW, uploadOf, wrappedOf, type OpenedStore } from './store-rows.ts';

/** What every adapter of the store port must do. */
export function storeSuite(name: string, open: () => Promise<OpenedStore>): void {
  describe(`store contract: ${name}`, () => {
    let opened: OpenedStore;
    let store: Store;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.close());

    const put = (upload: Upload, key = wrappedOf()) => insertOne(store, upload, key);
    const ids = (uploads: Upload[]) => uploads.map((upload) => upload.id);

    describe('insert', () => {
      it('keeps slot, key and idempotency record over a restart', async () => {
        const upload = uploadOf(1);
        const key = wrappedOf();
        assert.equal(await insertOne(store, upload, key, idempotencyOf(1)), undefined);
        const again = await opened.reopen();
        assert.deepEqual(await again.uploads.get('acme', upload.id), upload);
        const current = await again.keys.get(upload.id, 1);
        assert.equal(current?.generation, 1);
        assert.equal(current.wrapped.wrapperId, key.wrapperId);
        assert.equal(current.wrapped.kekId, key.kekId);
        assert.deepEqual(Buffer.from(current.wrapped.bytes), Buffer.from(key.bytes));
        assert.deepEqual(
          await again.uploads.findIdempotent('acme', 'key:ci', 'order-17', NOW),
          idempotencyOf(1),
        );
      });

      it('writes nothing when the idempotency identity is taken', async () => {
        await insertOne(store, uploadOf(1), wrappedOf(), idempotencyOf(1));
        assert.deepEqual(
          await insertOne(store, uploadOf(2), wrappedOf(), idempotencyOf(2)),
          idempotencyOf(1),
        );
        assert.equal(await store.uploads.get('acme', idOf(2)), undefined);
        assert.equal(await store.keys.get(idOf(2), 1), undefined);
      });

      it('replaces an idempotency record from the moment it ends', async () => {
        const ends = NOW + 10;
        await insertOne(store, uploadOf(1), wrappedOf(), idempotencyOf(1, { expiresAt: ends }));
        const early = await insertOne(store, uploadOf(2), wrappedOf(), idempotencyOf(2), ends - 1);
        assert.deepEqual(early?.uploadIds, [idOf(1)]);
        assert.equal(await store.uploads.findIdempotent('acme', 'key:ci', 'order-17', ends), undefined);
        assert.equal(await insertOne(store, uploadOf(3), wrappedOf(), idempotencyOf(3), ends), undefined);
        const now = await store.uploads.findIdempotent('acme', 'key:ci', 'order-17', ends);
        assert.deepEqual(now, idempotencyOf(3));
      });

      it('keeps identities apart by tenant, principal and key', async () => {
        const others = [{}, { tenant: 'other' }, { principal: 'key:b' }, { key: 'order-18' }];
        for (const [n, change] of others.entries()) {
          const record = idempotencyOf(n, change);
          assert.equal(await insertOne(store, uploadOf(n), wrappedOf(), record, NOW), undefined);
        }
      });

      it('commits one of 50 concurrent inserts with one identity', async () => {
        const results = await Promise.all(
          Array.from({ length: 50 }, (_, n) => insertOne(store, uploadOf(n), wrappedOf(), idempotencyOf(n))),
        );
        assert.equal(results.filter((result) => result === undefined).length, 1);
        const stored = await store.uploads.list('acme', { limit: 100, now: NOW });
        assert.equal(stored.length, 1);
        const losers = results.filter((result) => result !== undefined);
        assert.ok(losers.every((record) => record.uploadIds[0] === stored[0]?.id));
      });

      it('writes nothing when a part of it fails', async () => {
        await put(uploadOf(1));
        await assert.rejects(
          insertOne(store, uploadOf(1), wrappedOf(), idempotencyOf(1)),
          DependencyUnavailable,
        );
        const record = await store.uploads.findIdempotent('acme', 'key:ci', 'order-17', NOW);
        assert.equal(record, undefined);
        assert.equal(await put(uploadOf(2)), undefined);
      });
    });

    adoptSuite(() => opened);

    custodySuite(() => opened);
    keysSuite(() => opened);
    generationsSuite(() => opened);
    restoreSuite(() => opened);
    intermediatesSuite(() => opened);

    it('get: another tenant’s slot does not exist', async () => {
      await put(uploadOf(1));
      assert.equal(await store.uploads.get('other', idOf(1)), undefined);
      assert.equal(await store.uploads.get('acme', idOf(2)), undefined);
    });

    describe('list', () => {
      it('pages newest first, within the tenant', async () => {
        for (const n of [3, 1, 5, 2, 4]) await put(uploadOf(n));
        await put(uploadOf(6, { tenant: 'other' }));
        const first = await store.uploads.list('acme', { limit: 2, now: NOW });
        assert.deepEqual(ids(first), [idOf(5), idOf(4)]);
        const rest = await store.uploads.list('acme', { limit: 10, before: idOf(4), now: NOW });
        assert.deepEqual(ids(rest), [idOf(3), idOf(2), idOf(1)]);
      });

      it('shows tombstones only when asked for', async () => {
        await put(uploadOf(1, { state: 'deleted' }));
        await put(uploadOf(2, { state: 'deleting' }));
        assert.deepEqual(ids(await store.uploads.list('acme', { limit: 10, now: NOW })), [idOf(2)]);
        const deleted = await store.uploads.list('acme', { state: 'deleted', limit: 10, now: NOW });
        assert.deepEqual(ids(deleted), [idOf(1)]);
      });

      it('counts an issued slot as expired from its expiresAt on', async () => {
        await put(uploadOf(1, { state: 'expired', expiresAt: NOW - 5 }));
        await put(uploadOf(2, { expiresAt: NOW }));
        await put(uploadOf(3, { expiresAt: NOW + 1 }));
        await put(uploadOf(4, { state: 'expired', expiresAt: NOW - 5 }));
        await put(uploadOf(5, { state: 'uploaded', expiresAt: NOW - 5 }));
        const list = async (state: UploadState, more: { before?: string; limit?: number } = {}) =>
          ids(await store.uploads.list('acme', { state, now: NOW, limit: 10, ...more }));
        assert.deepEqual(await list('issued'), [idOf(3)]);
        assert.deepEqual(await list('expired'), [idOf(4), idOf(2), idOf(1)]);
        assert.deepEqual(await list('expired', { limit: 2 }), [idOf(4), idOf(2)]);
        assert.deepEqual(await list('expired', { before: idOf(4) }), [idOf(2), idOf(1)]);
        assert.deepEqual(await list('uploaded'), [idOf(5)]);
      });
    });

    describe('update', () => {
      it('applies a patch when the state is one of those expected', async () => {
        const upload = uploadOf(1);
        await put(upload);
        const patch = {
          state: 'uploaded',
          uploadedAt: NOW,
          etag: '"e"',
          versionId: 'v',
          nextCheckAt: null,
        } as const;
        const after = await store.uploads.update(upload.id, ['expired', 'issued'], patch);
        assert.deepEqual(after, { ...upload, ...patch });
        assert.deepEqual(await store.uploads.get('acme', upload.id), { ...upload, ...patch });
        const cleared = await store.uploads.update(upload.id, ['uploaded'], { etag: null });
        assert.deepEqual(cleared, { ...upload, ...patch, etag: null });
      });

      it('writes nothing when the state is another', async () => {
        await put(uploadOf(1));
        const result = await store.uploads.update(idOf(1), ['uploaded'], {
          state: 'deleting',
          deletingAt: NOW,
        });
        assert.equal(result, undefined);
        assert.deepEqual(await store.uploads.get('acme', idOf(1)), uploadOf(1));
        assert.equal(await store.uploads.update(idOf(2), ['issued'], { etag: 'x' }), undefined);
      });

      it('never lowers urlEndsAt', async () => {
        const { urlEndsAt } = uploadOf(1);
        await put(uploadOf(1));
        const lower = await store.uploads.update(idOf(1), ['issued'], { urlEndsAt: urlEndsAt - 1 });
        assert.equal(lower?.urlEndsAt, urlEndsAt);
        const higher = await store.uploads.update(idOf(1), ['issued'], { urlEndsAt: urlEndsAt + 1 });
        assert.equal(higher?.urlEndsAt, urlEndsAt + 1);
      });

      it('lets one of two racing changes win', async () => {
        await put(uploadOf(1));
        const results = await Promise.all(
          (['uploaded', 'rejected'] as const).map((state) =>
            store.uploads.update(idOf(1), ['issued'], { state }),
          ),
        );
        assert.equal(results.filter((result) => result !== undefined).length, 1);
      });
    });

    endingsSuite(() => opened);
    batchSuite(() => opened);
    grantsSuite(() => opened);
    quotasSuite(() => opened);
    rateLimitsSuite(() => opened);
    outboxSuite(() => opened);
    outboxAfterwardsSuite(() => opened);

    dueSuite(() => opened);
    leasesSuite(() => opened);

    it('dropEndedIdempotency drops the ended and no other, so many at a time', async () => {
      for (const n of [1, 2, 3]) {
        const ended = idempotencyOf(n, { key: `ended-${n}`, expiresAt: NOW + 1 });
        await insertOne(store, uploadOf(n), wrappedOf(), ended, NOW);
      }
      await insertOne(store, uploadOf(4), wrappedOf(), idempotencyOf(4, { key: 'b' }));
      const drop = () => store.uploads.dropEndedIdempotency(NOW + 1, 2);
      assert.deepEqual([await drop(), await drop(), await drop()], [2, 1, 0]);
      assert.notEqual(await store.uploads.findIdempotent('acme', 'key:ci', 'b', NOW + 2), undefined);
    });

    apiKeysSuite(() => opened);

    it('once closed, every call is DependencyUnavailable', async () => {
      await store.check();
      await store.close();
      await store.close();
      await assert.rejects(store.check(), DependencyUnavailable);
      await assert.rejects(store.uploads.get('acme', idOf(1)), DependencyUnavailable);
      await assert.rejects(put(uploadOf(1)), DependencyUnavailable);
    });
  });
}
