import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Store } from '../../src/store/port.ts';
import { idOf, messageOf, NOW, numbersOf, queuedOf, tell, type OpenedStore } from './store-rows.ts';

const LEASE = NOW + 60_000;

/** What an operator sees of the outbox and does with it; a part of the store's contract. */
export function outboxAfterwardsSuite(opened: () => OpenedStore): void {
  let store: Store;
  beforeEach(() => {
    store = opened().store;
  });

  const claim = async () => numbersOf(await store.outbox.claim(NOW + 1000, LEASE, 100));
  /** Of messages that are claimed. */
  const end = async (state: 'delivered' | 'dead', ...numbers: number[]) => {
    for (const n of numbers) {
      const ended = { endedAt: NOW + n, lastFailure: '500' };
      assert.ok(
        await store.outbox.note(
          { id: messageOf(n).id, attempts: 1 },
          state === 'dead' ? { ...ended, state } : { ...ended, state },
        ),
      );
    }
  };
  const listed = async (query: Partial<Parameters<Store['outbox']['list']>[0]> = {}) =>
    numbersOf(await store.outbox.list({ limit: 100, ...query }));

  /** Each of a slot of its own: 1 and 4 are delivered, 2 and 5 dead, 3 and 6 pending; 4 to 6 are another tenant's. */
  async function several() {
    for (const n of [2, 1, 3, 6, 5, 4]) {
      await tell(store, messageOf(n, { uploadId: idOf(n), tenant: n > 3 ? 'other' : 'acme' }));
    }
    await claim();
    await end('delivered', 1, 4);
    await end('dead', 2, 5);
  }

  it('outbox: list goes by id, newest first, of a tenant and state', async () => {
    await several();
    const cases: [Parameters<typeof listed>[0], number[]][] = [
      [{}, [6, 5, 4, 3, 2, 1]],
      [{ tenant: 'acme' }, [3, 2, 1]],
      [{ tenant: 'nobody' }, []],
      [{ state: 'pending' }, [6, 3]],
      [{ state: 'delivered' }, [4, 1]],
      [{ state: 'dead' }, [5, 2]],
      [{ state: 'dead', tenant: 'other' }, [5]],
    ];
    for (const [query, expected] of cases) {
      assert.deepEqual(await listed(query), expected, JSON.stringify(query));
      const behind = { ...query, before: messageOf(4).id };
      assert.deepEqual(
        await listed(behind),
        expected.filter((n) => n < 4),
      );
      assert.deepEqual(await listed({ ...query, limit: 1 }), expected.slice(0, 1));
    }
  });

  it('outbox: count tells of those that are not delivered, also of none', async () => {
    assert.deepEqual(await store.outbox.count(), { pending: 0, dead: 0 });
    await several();
    assert.deepEqual(await store.outbox.count(), { pending: 2, dead: 2 });
    await claim();
    await end('dead', 6);
    assert.deepEqual(await store.outbox.count(), { pending: 1, dead: 3 });
  });

  it('outbox: dropDelivered drops what was delivered before, and nothing else', async () => {
    await several();
    assert.equal(await store.outbox.dropDelivered(NOW + 4, 10), 1);
    assert.deepEqual(await listed(), [6, 5, 4, 3, 2]);
    assert.equal(await store.outbox.dropDelivered(Number.MAX_SAFE_INTEGER, 10), 1);
    assert.equal(await store.outbox.dropDelivered(Number.MAX_SAFE_INTEGER, 10), 0);
    assert.deepEqual(await listed(), [6, 5, 3, 2]);
  });

  describe('outbox: replay', () => {
    const replayDead = async (tenant?: string): Promise<number> => {
      const which = { dead: true, ...(tenant !== undefined && { tenant }) } as const;
      const { again, sooner } = await store.outbox.replay(which, NOW);
      assert.deepEqual(sooner, []);
      return again.length;
    };
    it('makes ended messages pending over a restart, as if they had never been tried', async () => {
      await several();
      const of = (n: number) => messageOf(n).id;
      const replayed = await store.outbox.replay({ ids: [1, 2, 3, 9].map(of) }, NOW + 50);
      assert.deepEqual(replayed, { again: [1, 2].map(of), sooner: [of(3)] });
      store = await opened().reopen();
      const messages = await store.outbox.list({ limit: 9, tenant: 'acme' });
      const pending = (n: number) =>
        queuedOf(messageOf(n, { uploadId: idOf(n) }), { nextAttemptAt: NOW + 50 });
      const inHand = { ...pending(3), attempts: 1, nextAttemptAt: NOW + 50 };
      assert.deepEqual(messages, [inHand, pending(2), pending(1)]);
      assert.deepEqual(await claim(), [2, 1, 3], 'in the order of their commits');
      const sooner = [of(1), of(2)];
      assert.deepEqual(await store.outbox.replay({ ids: sooner }, NOW), { again: [], sooner });
      assert.deepEqual(await store.outbox.replay({ ids: [] }, NOW), { again: [], sooner: [] });
    });

    it('has one that is pending sent now, as often tried as it was, and in its turn', async () => {
      await tell(store, messageOf(1), messageOf(2));
      const first = { id: messageOf(1).id, attempts: 1 };
      assert.deepEqual(await claim(), [1]);
      const failed = { state: 'pending', nextAttemptAt: NOW + 9_000_000, lastFailure: '500' } as const;
      await store.outbox.note(first, failed);
      assert.deepEqual(await claim(), []);
      const ids = [2, 1].map((n) => messageOf(n).id);
      assert.deepEqual(await store.outbox.replay({ ids }, NOW + 50), { again: [], sooner: ids });
      const [, kept] = await store.outbox.list({ limit: 9 });
      assert.deepEqual([kept?.attempts, kept?.lastFailure, kept?.nextAttemptAt], [1, '500', NOW + 50]);
      assert.deepEqual(await claim(), [1], '2 waits for it');
      assert.equal(await store.outbox.note(first, failed), false, 'it is in other hands');
      assert.ok(await store.outbox.note({ ...first, attempts: 2 }, { state: 'delivered', endedAt: NOW }));
      await store.outbox.replay({ ids: ids.slice(0, 1) }, Number.MAX_SAFE_INTEGER);
      assert.deepEqual(await claim(), [2], 'never later than it would have been');
    });

    it('takes all dead ones of a tenant, or of all', async () => {
      await several();
      assert.equal(await replayDead('acme'), 1);
      assert.deepEqual(await listed({ state: 'dead' }), [5]);
      assert.equal(await replayDead('nobody'), 0);
      assert.equal(await replayDead(), 1);
      assert.deepEqual(await listed({ state: 'dead' }), []);
      assert.deepEqual(await listed({ state: 'delivered' }), [4, 1]);
      assert.deepEqual(await claim(), [2, 5]);
    });

    it('puts each back in its place in the line', async () => {
      await tell(store, ...[1, 2, 3, 4, 5].map((n) => messageOf(n)));
      for (const n of [1, 2, 3]) {
        assert.deepEqual(await claim(), [n]);
        await end('dead', n);
      }
      assert.deepEqual(await claim(), [4], 'which is in hand now');
      const ids = [3, 1].map((n) => messageOf(n).id);
      assert.deepEqual(await store.outbox.replay({ ids }, NOW), { again: ids, sooner: [] });
      assert.deepEqual(await claim(), [1]);
      await end('delivered', 4);
      assert.deepEqual(await claim(), [], '1 is still in hand');
      await end('delivered', 1);
      for (const n of [3, 5]) {
        assert.deepEqual(await claim(), [n]);
        await end('delivered', n);
      }
      assert.deepEqual(await store.outbox.count(), { pending: 0, dead: 1 });
    });

    it('of all dead ones keeps lines apart and in order', async () => {
      for (const n of [1, 2, 3, 4, 5, 6]) await tell(store, messageOf(n, { uploadId: idOf(n % 2) }));
      for (const pair of [
        [1, 2],
        [3, 4],
        [5, 6],
      ]) {
        assert.deepEqual(await claim(), pair);
        await end('dead', ...pair);
      }
      assert.equal(await replayDead(), 6);
      assert.deepEqual(await claim(), [1, 2]);
      await end('delivered', 2);
      assert.deepEqual(await claim(), [4]);
    });
  });
}
