import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Store } from '../../src/store/port.ts';
import type { Upload } from '../../src/uploads/upload.ts';
import { idOf, insertOne, NOW, uploadOf, type OpenedStore } from './store-rows.ts';

const LEASE = NOW + 60_000;

/** How slots that are due are taken, each by one worker; a part of the store's contract. */
export function dueSuite(opened: () => OpenedStore): void {
  describe('claimDue', () => {
    let store: Store;
    beforeEach(() => {
      store = opened().store;
    });
    const put = (n: number, nextCheckAt: number | null, changes: Partial<Upload> = {}) =>
      insertOne(store, uploadOf(n, { nextCheckAt, ...changes }));
    const ids = (uploads: readonly Upload[]) => uploads.map(({ id }) => id);
    const claim = (now = NOW, limit = 10, leaseUntil = LEASE) =>
      store.uploads.claimDue(now, leaseUntil, limit);

    it('takes slots whose time has come, oldest first, and no other', async () => {
      await put(1, NOW);
      await put(2, NOW - 10);
      await put(3, NOW + 1);
      await put(4, null);
      await put(5, NOW - 5);
      assert.deepEqual(await claim(NOW, 1), [uploadOf(2, { nextCheckAt: LEASE })]);
      assert.deepEqual(ids(await claim()), [idOf(5), idOf(1)]);
      assert.deepEqual(await claim(), []);
      assert.equal((await store.uploads.get('acme', idOf(3)))?.nextCheckAt, NOW + 1);
      assert.equal((await store.uploads.get('acme', idOf(4)))?.nextCheckAt, null);
    });

    it('whatever their state and tenant', async () => {
      await put(1, NOW - 3, { state: 'deleting' });
      await put(2, NOW - 2, { state: 'deleted', tenant: 'other' });
      await put(3, NOW - 1, { state: 'expired' });
      await put(4, NOW, { state: 'uploaded' });
      assert.deepEqual(ids(await claim()), [1, 2, 3, 4].map(idOf));
    });

    it('returns them as they are stored from then on, over a restart', async () => {
      await put(1, NOW);
      const [taken] = await claim();
      assert.deepEqual(taken, uploadOf(1, { nextCheckAt: LEASE }));
      const again = await opened().reopen();
      assert.deepEqual(await again.uploads.get('acme', idOf(1)), taken);
    });

    it('callers at once share them without overlap, and together have them all', async () => {
      const numbers = Array.from({ length: 60 }, (_, n) => n);
      for (const n of numbers) await put(n, NOW - n);
      const claims = await Promise.all(Array.from({ length: 12 }, () => claim(NOW, 7)));
      const taken = ids(claims.flat());
      assert.equal(new Set(taken).size, taken.length, 'none twice');
      for (const share of claims) {
        assert.ok(share.length <= 7);
        assert.deepEqual(ids(share), ids(share).sort().reverse(), 'the oldest first');
      }
      // Who comes while another is at it may get fewer than there are; nothing is lost by that.
      for (let more = await claim(); more.length > 0; more = await claim()) taken.push(...ids(more));
      assert.deepEqual(taken.sort(), numbers.map(idOf));
    });

    it('a lease that has ended is taken again, by one', async () => {
      await put(1, NOW);
      await claim();
      assert.deepEqual(await claim(LEASE - 1), []);
      const again = await Promise.all([claim(LEASE, 1, LEASE + 5), claim(LEASE, 1, LEASE + 6)]);
      const [taken, ...more] = again.flat();
      assert.deepEqual(more, []);
      assert.ok(taken?.nextCheckAt === LEASE + 5 || taken?.nextCheckAt === LEASE + 6);
    });

    it('only who has the lease can set the next time by it', async () => {
      await put(1, NOW);
      const [first] = await claim();
      const [second] = await claim(LEASE, 1, LEASE + 60_000);
      const next = (mine: Upload | undefined, nextCheckAt: number) =>
        store.uploads.update(
          idOf(1),
          ['issued'],
          { nextCheckAt },
          { nextCheckAt: mine?.nextCheckAt ?? null },
        );
      assert.equal(await next(first, NOW + 1), undefined);
      assert.equal((await next(second, NOW + 2))?.nextCheckAt, NOW + 2);
    });

    it('a hint ends a lease: the slot is due again, and what had it leaves the time as it is', async () => {
      await put(1, NOW - 1);
      const [mine] = await claim();
      const [hinted] = await store.uploads.makeDue([idOf(1)], NOW + 5);
      assert.equal(hinted?.nextCheckAt, NOW + 5);
      const late = await store.uploads.update(
        idOf(1),
        ['issued'],
        { nextCheckAt: NOW + 9_000 },
        { nextCheckAt: mine?.nextCheckAt ?? null },
      );
      assert.equal(late, undefined);
      assert.deepEqual(await claim(NOW + 4), []);
      assert.deepEqual(ids(await claim(NOW + 5)), [idOf(1)]);
    });

    it('of a look at one slot and a pass over all, one gets it', async () => {
      await put(1, NOW);
      const look = () =>
        store.uploads.update(idOf(1), ['issued'], { nextCheckAt: LEASE + 1 }, { nextCheckAt: NOW });
      const [looked, passed] = await Promise.all([look(), claim()]);
      assert.equal(passed.length, looked === undefined ? 1 : 0);
    });
  });
}
