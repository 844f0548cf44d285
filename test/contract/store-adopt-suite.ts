import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Upload } from '../../src/uploads/upload.ts';
import { idOf, insertOne, NOW, uploadOf, wrappedOf, type OpenedStore } from './store-rows.ts';

/** What `adopt` must do; a part of the store's contract. */
export function adoptSuite(opened: () => OpenedStore): void {
  const adoptedOf = (n: number, changes: Partial<Upload> = {}) =>
    uploadOf(n, {
      principal: 'import',
      state: 'uploaded',
      expiresInSeconds: 0,
      expiresAt: NOW,
      urlEndsAt: NOW,
      uploadedAt: NOW,
      nextCheckAt: null,
      ...changes,
    });

  describe('adopt', () => {
    it('keeps slot and key over a restart', async () => {
      const upload = adoptedOf(1);
      const key = wrappedOf();
      assert.equal(await opened().store.uploads.adopt(upload, key, []), true);
      const again = await opened().reopen();
      assert.deepEqual(await again.uploads.get('acme', upload.id), upload);
      const current = await again.keys.get(upload.id, 1);
      assert.equal(current?.generation, 1);
      assert.deepEqual(Buffer.from(current.wrapped.bytes), Buffer.from(key.bytes));
    });

    it('writes nothing when a slot has the id, of whatever tenant and state', async () => {
      const { uploads, keys } = opened().store;
      for (const [n, there] of [
        adoptedOf(0),
        adoptedOf(1, { state: 'deleted', tenant: 'other' }),
      ].entries()) {
        const key = wrappedOf();
        assert.equal(await uploads.adopt(there, key, []), true);
        assert.equal(await uploads.adopt(adoptedOf(n, { size: 5 }), wrappedOf(), []), false);
        assert.deepEqual(await uploads.get(there.tenant, there.id), there);
        assert.deepEqual(
          Buffer.from((await keys.get(there.id, 1))!.wrapped.bytes),
          Buffer.from(key.bytes),
          'the key that was there first stays',
        );
      }
      assert.equal(await uploads.get('acme', idOf(1)), undefined);
    });

    it('writes nothing when one of its kin, of whatever tenant, has the same place', async () => {
      const { uploads, keys } = opened().store;
      const made = uploadOf(7, { tenant: 'other' });
      await insertOne({ uploads }, made, wrappedOf());
      const { bucket, objectKey } = made;
      const kin = [idOf(99), made.id];
      const same = adoptedOf(1, { target: made.target, bucket, objectKey });
      for (const target of [made.target, 'another name of the same S3']) {
        assert.equal(await uploads.adopt({ ...same, target }, wrappedOf(), kin), false);
        assert.equal(await uploads.get('acme', same.id), undefined);
        assert.equal(await keys.get(same.id, 1), undefined);
      }
      const elsewhere = [{ bucket: 'b' }, { objectKey: `copy/${objectKey}` }];
      for (const [n, place] of elsewhere.entries()) {
        assert.equal(
          await uploads.adopt(adoptedOf(10 + n, { ...same, id: idOf(10 + n), ...place }), wrappedOf(), kin),
          true,
        );
      }
    });

    it('commits one of 50 concurrent adoptions', async () => {
      const { uploads } = opened().store;
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, n) => uploads.adopt(adoptedOf(1, { size: n }), wrappedOf(), [])),
      );
      assert.equal(results.filter(Boolean).length, 1);
      assert.equal((await uploads.get('acme', idOf(1)))?.size, results.indexOf(true));
    });
  });
}
