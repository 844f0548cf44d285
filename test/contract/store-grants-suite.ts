import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { GrantExhausted, GrantExpired, Unauthenticated } from '../../src/errors.ts';
import type { IdempotencyRecord, NewSlot, Store } from '../../src/store/port.ts';
import {
  grantOf,
  idempotencyOf,
  idOf,
  insertOne,
  NOW,
  uploadOf,
  wrappedOf,
  type OpenedStore,
} from './store-rows.ts';

/** Grants, and what slots cost them; a part of the store's contract. */
export function grantsSuite(opened: () => OpenedStore): void {
  let store: Store;
  beforeEach(() => {
    store = opened().store;
  });
  const MAKER = `grant:${idOf(1)}`;
  const slots = (first: number, many = 1): NewSlot[] =>
    Array.from({ length: many }, (_, n) => ({
      upload: uploadOf(first + n, { principal: MAKER }),
      key: wrappedOf(),
      hasCopy: false,
    }));
  const insert = (
    first: number,
    many = 1,
    {
      record,
      now = NOW,
      grant = grantOf(1),
    }: { record?: IdempotencyRecord; now?: number; grant?: object } = {},
  ) => store.uploads.insert(slots(first, many), record, now, { ...grantOf(1), ...grant });
  const used = async (n = 1) => (await store.grants.get('acme', idOf(n)))?.used;
  const stored = async () => (await store.uploads.list('acme', { limit: 999, now: NOW })).length;

  describe('grants', () => {
    it('are kept as they were given over a restart', async () => {
      const bare = { maxSizeBytes: null, contentTypes: null, methods: null, prefix: null, metadata: {} };
      const all = [grantOf(1), grantOf(2, bare), grantOf(3, { used: 7, revokedAt: NOW + 1 })];
      for (const grant of all) await store.grants.insert(grant);
      const again = await opened().reopen();
      for (const grant of all) assert.deepEqual(await again.grants.get('acme', grant.id), grant);
    });

    it('of another tenant do not exist', async () => {
      await store.grants.insert(grantOf(1));
      assert.equal(await store.grants.get('other', idOf(1)), undefined);
      assert.equal(await store.grants.revoke('other', idOf(1), NOW), undefined);
      assert.deepEqual(await store.grants.list('other', { limit: 9 }), []);
      assert.deepEqual(await store.grants.get('acme', idOf(1)), grantOf(1));
      await assert.rejects(insert(20, 1, { grant: { tenant: 'other' } }), Unauthenticated);
      assert.equal(await used(), 0);
    });

    it('are listed newest first, page by page', async () => {
      for (const n of [3, 1, 2]) await store.grants.insert(grantOf(n));
      await store.grants.insert(grantOf(4, { tenant: 'other' }));
      const ids = async (query: { before?: string; limit: number }) =>
        (await store.grants.list('acme', query)).map(({ id }) => id);
      assert.deepEqual(await ids({ limit: 2 }), [idOf(3), idOf(2)]);
      assert.deepEqual(await ids({ limit: 2, before: idOf(2) }), [idOf(1)]);
    });

    it('are revoked once, and stay so over a restart', async () => {
      await store.grants.insert(grantOf(1));
      assert.equal(await store.grants.revoke('acme', idOf(2), NOW), undefined);
      const revoked = grantOf(1, { revokedAt: NOW + 1 });
      assert.deepEqual(await store.grants.revoke('acme', idOf(1), NOW + 1), revoked);
      assert.deepEqual(await store.grants.revoke('acme', idOf(1), NOW + 2), revoked);
      assert.deepEqual(await (await opened().reopen()).grants.get('acme', idOf(1)), revoked);
    });

    it('are dropped after their end, those first that ended first, no more than asked for', async () => {
      for (const [n, endsAt] of [NOW + 3, NOW + 1, NOW + 2, NOW + 9].entries())
        await store.grants.insert(grantOf(n + 1, { endsAt, ...(n === 3 && { revokedAt: NOW }) }));
      assert.equal(await store.grants.dropEnded(NOW + 1, 9), 0);
      assert.equal(await store.grants.dropEnded(NOW + 9, 2), 2);
      const left = await store.grants.list('acme', { limit: 9 });
      assert.deepEqual(
        left.map(({ id }) => id),
        [idOf(4), idOf(1)],
      );
      assert.equal(await store.grants.dropEnded(NOW + 9, 2), 1);
      assert.equal(await store.grants.dropEnded(NOW + 9, 2), 0);
    });
  });

  describe('slots by a grant', () => {
    beforeEach(() => store.grants.insert(grantOf(1)));

    it('cost it one each, by the commit that makes them, over a restart', async () => {
      await insert(20);
      await insert(30, 4);
      assert.equal(await used(), 5);
      const again = await opened().reopen();
      assert.deepEqual(await again.grants.get('acme', idOf(1)), grantOf(1, { used: 5 }));
      assert.equal((await again.uploads.list('acme', { limit: 99, now: NOW })).length, 5);
    });

    it('cost nobody else anything', async () => {
      await store.grants.insert(grantOf(2));
      await insert(20);
      await insertOne(store, uploadOf(30));
      assert.deepEqual([await used(1), await used(2)], [1, 0]);
    });

    it('are made to the last one, and over that none, nor a part of a batch', async () => {
      await insert(20, 8);
      await assert.rejects(insert(40, 3), (error: unknown) => {
        assert.ok(error instanceof GrantExhausted);
        assert.equal(error.extra['left'], 2);
        return true;
      });
      assert.deepEqual([await used(), await stored()], [8, 8]);
      assert.equal(await store.keys.get(idOf(40), 1), undefined);
      await insert(50, 2);
      const record = idempotencyOf(60, { principal: MAKER });
      await assert.rejects(insert(60, 1, { record }), GrantExhausted);
      assert.deepEqual([await used(), await stored()], [10, 10]);
      assert.equal(await store.uploads.findIdempotent('acme', MAKER, 'order-17', NOW), undefined);
    });

    it('are exactly as many as it has, of 100 at once', async () => {
      const results = await Promise.allSettled(Array.from({ length: 100 }, (_, n) => insert(20 + n)));
      const refused = results.filter((result) => result.status === 'rejected');
      assert.equal(refused.length, 90);
      assert.ok(refused.every(({ reason }) => reason instanceof GrantExhausted));
      assert.deepEqual([await used(), await stored()], [10, 10]);
    });

    it('are none from its expiry on', async () => {
      const { expiresAt } = grantOf(1);
      await insert(20, 1, { now: expiresAt - 1 });
      await assert.rejects(insert(30, 1, { now: expiresAt }), GrantExpired);
      assert.deepEqual([await used(), await stored()], [1, 1]);
    });

    it('are none once it is revoked or gone, whatever the caller knew of it', async () => {
      await store.grants.revoke('acme', idOf(1), NOW);
      await assert.rejects(insert(20), Unauthenticated);
      await assert.rejects(insert(20, 1, { grant: { id: idOf(9) } }), Unauthenticated);
      assert.deepEqual([await used(), await stored()], [0, 0]);
    });

    it('cost it nothing when they are a replay, though it is used up, expired or revoked', async () => {
      const record = idempotencyOf(20, { principal: MAKER });
      assert.equal(await insert(20, 1, { record }), undefined);
      await insert(30, 9);
      const again = (now = NOW) => insert(50, 1, { record: idempotencyOf(50, { principal: MAKER }), now });
      assert.deepEqual(await again(), record);
      assert.deepEqual(await again(grantOf(1).expiresAt), record);
      await store.grants.revoke('acme', idOf(1), NOW);
      assert.deepEqual(await again(), record);
      assert.deepEqual([await used(), await stored()], [10, 10]);
    });

    it('cost it one of 50 at once with one idempotency identity', async () => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          insert(20 + n, 1, { record: idempotencyOf(20 + n, { principal: MAKER }) }),
        ),
      );
      assert.equal(results.filter((result) => result === undefined).length, 1);
      assert.deepEqual([await used(), await stored()], [1, 1]);
    });

    it('cost it nothing when they cannot be stored', async () => {
      await insertOne(store, uploadOf(21));
      await assert.rejects(insert(20, 3));
      assert.deepEqual([await used(), await stored()], [0, 1]);
    });

    it('stay, and stay charged, when it is dropped or they end', async () => {
      await insert(20);
      assert.ok(await store.uploads.update(idOf(20), ['issued'], { state: 'deleting' }));
      assert.equal(await used(), 1);
      await insert(30);
      await store.grants.dropEnded(grantOf(1).endsAt + 1, 9);
      assert.equal((await store.uploads.get('acme', idOf(30)))?.principal, MAKER);
    });
  });
}
