import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { LeaseStore } from '../../src/store/port.ts';
import { NOW, type OpenedStore } from './store-rows.ts';

const END = NOW + 60_000;

/** Work that one process at a time does, by name; a part of the store's contract. */
export function leasesSuite(opened: () => OpenedStore): void {
  describe('leases', () => {
    let leases: LeaseStore;
    beforeEach(() => {
      ({ leases } = opened().store);
    });

    it('one holder at a time, over a restart, until it ends', async () => {
      assert.equal(await leases.take('work', 'a', NOW, END), true);
      assert.equal(await leases.take('work', 'b', NOW, END), false);
      assert.equal(await leases.take('other work', 'b', NOW, END), true);
      const again = (await opened().reopen()).leases;
      assert.equal(await again.take('work', 'b', END - 1, END + 60_000), false);
      assert.equal(await again.take('work', 'b', END, END + 60_000), true);
      assert.equal(await again.take('work', 'a', END, END + 60_000), false);
    });

    it('its holder renews it', async () => {
      await leases.take('work', 'a', NOW, END);
      assert.equal(await leases.take('work', 'a', NOW + 1, END + 1), true);
      assert.equal(await leases.take('work', 'b', END, END + 9), false);
      assert.equal(await leases.take('work', 'b', END + 1, END + 9), true);
    });

    it('its holder lets go of it, and nobody else does', async () => {
      await leases.take('work', 'a', NOW, END);
      await leases.release('work', 'b');
      assert.equal(await leases.take('work', 'b', NOW, END), false);
      await leases.release('work', 'a');
      await leases.release('work', 'a');
      assert.equal(await leases.take('work', 'b', NOW, END), true);
    });

    it('of many at once one gets it', async () => {
      const holders = Array.from({ length: 30 }, (_, n) => `holder-${n}`);
      const taken = await Promise.all(holders.map((holder) => leases.take('work', holder, NOW, END)));
      assert.equal(taken.filter(Boolean).length, 1);
      const after = await Promise.all(holders.map((holder) => leases.take('work', holder, END, END + 1)));
      assert.equal(after.filter(Boolean).length, 1, 'and of many that find it ended');
    });

    it('dropEnded drops those that have ended, so many at a time', async () => {
      for (const n of [1, 2, 3]) await leases.take(`work-${n}`, 'a', NOW, NOW + n);
      assert.equal(await leases.dropEnded(NOW, 10), 0);
      assert.deepEqual([await leases.dropEnded(NOW + 2, 1), await leases.dropEnded(NOW + 2, 10)], [1, 1]);
      assert.equal(await leases.dropEnded(NOW + 2, 10), 0);
      assert.equal(await leases.take('work-3', 'b', NOW + 2, END), false);
    });
  });
}
