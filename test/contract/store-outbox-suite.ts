import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { DependencyUnavailable } from '../../src/errors.ts';
import type { QueuedMessage, Store } from '../../src/store/port.ts';
import {
  buriedAt,
  idOf,
  messageOf,
  NOW,
  numbersOf,
  queuedOf,
  tell,
  uploadOf,
  type OpenedStore,
} from './store-rows.ts';

const LEASE = NOW + 60_000;

/** How messages get into the outbox, are claimed and noted; a part of the store's contract. */
export function outboxSuite(opened: () => OpenedStore): void {
  let store: Store;
  beforeEach(() => {
    store = opened().store;
  });

  const claim = (now = NOW + 1000, limit = 100, lease = LEASE) => store.outbox.claim(now, lease, limit);
  const claimOne = async (now?: number): Promise<QueuedMessage> => {
    const [message, ...more] = await claim(now);
    assert.ok(message && more.length === 0);
    return message;
  };
  const stored = async (n: number) =>
    (await store.outbox.list({ limit: 100 })).find(({ id }) => id === messageOf(n).id);
  const [delivered, dead] = [
    { state: 'delivered', endedAt: NOW + 7 },
    { state: 'dead', endedAt: NOW + 7, lastFailure: '410' },
  ] as const;
  const retry = (nextAttemptAt: number) =>
    ({ state: 'pending', nextAttemptAt, lastFailure: 'timed out' }) as const;

  describe('outbox: the commit of a message', () => {
    it('is that of what it tells, and lasts over a restart', async () => {
      const [rejected, deleted] = [
        messageOf(1, { type: 'upload.rejected' }),
        messageOf(2, { type: 'upload.deleted' }),
      ];
      await tell(store, rejected);
      await store.uploads.update(idOf(1), ['issued'], { state: 'deleting' });
      assert.ok(await store.uploads.bury(idOf(1), uploadOf(1), buriedAt(NOW), [deleted]));
      const again = await opened().reopen();
      assert.deepEqual(await again.outbox.list({ limit: 9 }), [queuedOf(deleted), queuedOf(rejected)]);
    });

    it('is undone with it', async () => {
      await tell(store, messageOf(1));
      const twice = [messageOf(2), messageOf(1)];
      const update = store.uploads.update(idOf(1), ['issued'], { state: 'deleting' }, {}, twice);
      await assert.rejects(update, DependencyUnavailable);
      assert.deepEqual(await store.uploads.get('acme', idOf(1)), uploadOf(1));
      await store.uploads.update(idOf(1), ['issued'], { state: 'deleting' });
      const bury = store.uploads.bury(idOf(1), uploadOf(1), buriedAt(NOW), twice);
      await assert.rejects(bury, DependencyUnavailable);
      assert.equal((await store.uploads.get('acme', idOf(1)))?.state, 'deleting');
      assert.ok(await store.keys.get(idOf(1), 1));
      assert.deepEqual(numbersOf(await store.outbox.list({ limit: 9 })), [1]);
    });
  });

  describe('outbox: claim', () => {
    it('leaves out webhooks that are busy, of that tenant only', async () => {
      await tell(store, messageOf(1), messageOf(2, { webhook: 'erp' }), messageOf(3, { tenant: 'globex' }));
      const busy = [{ tenant: 'acme', webhook: 'crm' }];
      const others = await store.outbox.claim(NOW + 1000, LEASE, 1, busy);
      assert.deepEqual(numbersOf(others), [2]);
      assert.deepEqual(numbersOf(await store.outbox.claim(NOW + 1000, LEASE, 9, busy)), [3]);
      assert.deepEqual(numbersOf(await claim()), [1]);
    });

    it('takes what is due, those first that wait the longest, and counts the attempt', async () => {
      for (const n of [3, 1, 2, 5]) await tell(store, messageOf(n, { uploadId: idOf(n) }));
      const first = await claim(NOW + 3, 2);
      assert.deepEqual(
        first,
        [1, 2].map((n) =>
          queuedOf(messageOf(n, { uploadId: idOf(n) }), { attempts: 1, nextAttemptAt: LEASE }),
        ),
      );
      assert.deepEqual(numbersOf(await claim(NOW + 3)), [3]);
      assert.deepEqual(numbersOf(await claim(NOW + 4)), []);
      store = await opened().reopen();
      assert.equal((await stored(1))?.attempts, 1);
    });

    it('takes one again when its lease has ended, and not before', async () => {
      await tell(store, messageOf(1));
      await claim();
      assert.deepEqual(await claim(LEASE - 1), []);
      const [again] = await claim(LEASE, 1, LEASE + 5);
      assert.equal(again?.attempts, 2);
      assert.equal(again.nextAttemptAt, LEASE + 5);
    });

    it('gives each message to one of 20 workers', async () => {
      await tell(store, ...Array.from({ length: 50 }, (_, n) => messageOf(n, { uploadId: idOf(n) })));
      const all: (number | undefined)[] = [];
      // Who passes over what others are taking gets fewer than there are.
      for (let found: typeof all = [undefined]; found.length > 0; all.push(...found)) {
        const claims = await Promise.all(Array.from({ length: 20 }, () => claim(NOW + 1000, 3)));
        found = numbersOf(claims.flat());
      }
      assert.deepEqual(
        all.sort((a, b) => Number(a) - Number(b)),
        Array.from({ length: 50 }, (_, n) => n),
      );
    });

    it('takes of one webhook and slot only the oldest, by the order of commits', async () => {
      // The clock of the second went back: a smaller id and an earlier time.
      await tell(store, messageOf(9), messageOf(4));
      await tell(store, messageOf(5, { createdAt: NOW - 5 }));
      for (const n of [9, 4, 5]) {
        const message = await claimOne();
        assert.deepEqual(numbersOf([message]), [n]);
        assert.deepEqual(await claim(), [], 'the others wait for it');
        assert.equal(await store.outbox.note(message, delivered), true);
      }
      assert.deepEqual(await claim(), []);
    });

    it('lets the rest of the line wait while the oldest is tried again, and go on when it is given up', async () => {
      await tell(store, messageOf(1), messageOf(2), messageOf(3));
      await store.outbox.note(await claimOne(), retry(NOW + 5000));
      assert.deepEqual(await claim(NOW + 4999), []);
      const again = await claimOne(NOW + 5000);
      assert.deepEqual(numbersOf([again]), [1]);
      await store.outbox.note(again, dead);
      assert.deepEqual(numbersOf(await claim()), [2]);
    });

    it('holds up no other slot, webhook or tenant, nor what comes after the end of the line', async () => {
      await tell(store, messageOf(1));
      await tell(
        store,
        messageOf(2, { uploadId: idOf(2) }),
        messageOf(3, { webhook: 'audit' }),
        messageOf(4, { tenant: 'other' }),
      );
      const [first] = await claim();
      assert.deepEqual(numbersOf(await store.outbox.list({ limit: 9 })), [4, 3, 2, 1]);
      assert.deepEqual(
        (await store.outbox.list({ limit: 9 })).map(({ attempts }) => attempts),
        [1, 1, 1, 1],
      );
      await store.outbox.note(first!, delivered);
      await tell(store, messageOf(5));
      assert.deepEqual(numbersOf(await claim()), [5]);
    });
  });

  describe('outbox: note', () => {
    const notes = async (outcome: Parameters<Store['outbox']['note']>[1]) => {
      await tell(store, messageOf(1));
      assert.equal(await store.outbox.note(await claimOne(), outcome), true);
      store = await opened().reopen();
      return stored(1);
    };
    const tried = { attempts: 1, nextAttemptAt: LEASE };

    it('remembers a delivery', async () => {
      assert.deepEqual(await notes(delivered), queuedOf(messageOf(1), { ...tried, ...delivered }));
    });

    it('remembers that it was given up, and why', async () => {
      assert.deepEqual(await notes(dead), queuedOf(messageOf(1), { ...tried, ...dead }));
    });

    it('remembers when it is tried next, and why it failed; a delivery forgets that', async () => {
      const outcome = retry(NOW + 5000);
      assert.deepEqual(await notes(outcome), queuedOf(messageOf(1), { ...tried, ...outcome }));
      await store.outbox.note(await claimOne(NOW + 5000), delivered);
      assert.equal((await stored(1))?.lastFailure, null);
    });

    it('notes nothing once it was claimed again, has ended, or is not there', async () => {
      await tell(store, messageOf(1));
      const stale = await claimOne();
      const current = await claimOne(LEASE);
      for (const outcome of [delivered, dead, retry(NOW)]) {
        assert.equal(await store.outbox.note(stale, outcome), false);
      }
      assert.deepEqual(await stored(1), current);
      assert.equal(await store.outbox.note(current, delivered), true);
      assert.equal(await store.outbox.note(current, dead), false);
      assert.equal((await stored(1))?.state, 'delivered');
      assert.equal(await store.outbox.note({ id: 'msg_none', attempts: 1 }, delivered), false);
    });

    it('notes nothing once it was replayed', async () => {
      await tell(store, messageOf(1));
      await store.outbox.note(await claimOne(), retry(NOW));
      const given = await claimOne();
      await store.outbox.note(given, dead);
      await store.outbox.replay({ ids: [given.id] }, NOW + 50);
      const replayed = await stored(1);
      assert.equal(await store.outbox.note(given, delivered), false);
      assert.deepEqual(await stored(1), replayed);
    });
  });

  it('outbox: nextAttemptAt is that of the first that may go, not of those that wait for it', async () => {
    const next = () => store.outbox.nextAttemptAt();
    assert.equal(await next(), undefined);
    await tell(store, messageOf(1), messageOf(2), messageOf(3, { uploadId: idOf(2) }));
    assert.equal(await next(), NOW + 1);
    const [one, three] = await claim();
    assert.equal(await next(), LEASE);
    await store.outbox.note(one!, retry(NOW + 9000));
    assert.equal(await next(), NOW + 9000);
    await store.outbox.note(three!, delivered);
    await store.outbox.note(await claimOne(NOW + 9000), dead);
    assert.equal(await next(), NOW + 2);
    await store.outbox.note(await claimOne(), delivered);
    assert.equal(await next(), undefined);
  });
}
