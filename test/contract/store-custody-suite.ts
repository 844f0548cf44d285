import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KekRetired } from '../../src/store/errors.ts';
import { insertOne, NOW, uploadOf, type OpenedStore } from './store-rows.ts';

const OLD = { wrapperId: 'local', kekId: 'kek-1' };
const NEW = { wrapperId: 'local', kekId: 'kek-2' };
const under = (kek: typeof OLD) => ({ ...kek, bytes: new Uint8Array(61).fill(7) });
const at = { now: NOW, writesUntil: NOW, nextCheckAt: NOW };

function intermediateUnder(kek: typeof OLD, version: number) {
  const id = `01a2b3c4-0000-7000-8000-00000000000${version}`;
  return { id, tenant: 'acme', period: '2026-11-23', version, wrapped: under(kek), createdAt: NOW };
}

/** What processes on one store know of each other's custody; a part of the store's contract. */
export function custodySuite(opened: () => OpenedStore): void {
  describe('custody', () => {
    it('remembers over a restart what each process that serves has, as it last said', async () => {
      const { custody } = opened().store;
      const one = { id: 'replica-1', wrappers: ['local'], keks: [OLD], at: NOW };
      const two = { id: 'replica-2', wrappers: ['local', 'kms'], keks: [NEW, OLD], at: NOW + 1 };
      assert.deepEqual(await custody.replicas(0), []);
      await custody.announce(two, 0);
      await custody.announce({ ...one, wrappers: [], keks: [] }, 0);
      await custody.announce(one, 0);
      const again = (await opened().reopen()).custody;
      assert.deepEqual(await again.replicas(NOW), [one, two]);
      assert.deepEqual(await again.replicas(NOW + 1), [two], 'who has said nothing since does not count');
    });

    it('a process that withdraws, or has long said nothing, is there no more', async () => {
      const { custody } = opened().store;
      const replica = (n: number, at: number) => ({ id: `r${n}`, wrappers: ['local'], keks: [OLD], at });
      await custody.announce(replica(1, NOW - 10), 0);
      await custody.announce(replica(2, NOW - 9), 0);
      await custody.announce(replica(3, NOW), NOW - 9);
      assert.deepEqual(await custody.replicas(0), [replica(2, NOW - 9), replica(3, NOW)]);
      await custody.withdraw('r2');
      await custody.withdraw('nobody');
      assert.deepEqual(await custody.replicas(0), [replica(3, NOW)]);
    });

    it('many may say so at once', async () => {
      const { custody } = opened().store;
      const ids = Array.from({ length: 30 }, (_, n) => `replica-${String(n).padStart(2, '0')}`);
      const say = (id: string, at: number) =>
        custody.announce({ id, wrappers: ['local'], keks: [OLD], at }, at);
      await Promise.all(ids.flatMap((id) => [say(id, NOW), say(id, NOW)]));
      const named = (await custody.replicas(NOW)).map(({ id }) => id);
      assert.deepEqual(named, ids);
    });

    it('retires no KEK that a living key, an intermediate key or a copy of one needs', async () => {
      const { uploads, keys, intermediates, custody } = opened().store;
      await insertOne({ uploads }, uploadOf(1, { state: 'uploaded' }), under(OLD), undefined, NOW, true);
      assert.equal(await custody.retire(OLD, NOW), false);
      const cursor = { uploadId: uploadOf(1).id, generation: 1 };
      await keys.replace([{ ...cursor, from: under(OLD), to: under(NEW) }]);
      assert.equal(await custody.retire(OLD, NOW), false, 'the copy is under it');
      await keys.copied(cursor, under(NEW));
      const key = intermediateUnder(OLD, 1);
      await intermediates.insert(key, true);
      assert.equal(await custody.retire(OLD, NOW), false, 'an intermediate key is under it');
      await intermediates.replace(key.id, key.wrapped, under(NEW));
      assert.equal(await custody.retire(OLD, NOW), false, 'its copy is under it');
      await intermediates.copied(key.id, under(NEW));
      assert.equal(await custody.retire(OLD, NOW), true);
      assert.equal(await custody.retire(OLD, NOW), true);
    });

    it('stores nothing under a retired KEK, over a restart, whoever still holds it', async () => {
      const first = opened().store;
      await insertOne(first, uploadOf(1, { state: 'uploaded' }), under(NEW));
      await first.intermediates.insert(intermediateUnder(NEW, 1), false);
      assert.equal(await first.custody.retire(OLD, NOW), true);
      const { uploads, keys, intermediates } = await opened().reopen();
      const upload = uploadOf(1);
      const attempts = [
        insertOne({ uploads }, uploadOf(2), under(OLD)),
        uploads.adopt(uploadOf(3), under(OLD), []),
        keys.begin({ ...upload, nextGeneration: 2 }, under(OLD), at, false),
        keys.replace([{ uploadId: upload.id, generation: 1, from: under(NEW), to: under(OLD) }]),
        intermediates.insert(intermediateUnder(OLD, 2), false),
        intermediates.replace(intermediateUnder(NEW, 1).id, under(NEW), under(OLD)),
      ];
      await Promise.all(attempts.map((attempt) => assert.rejects(attempt, KekRetired)));
      assert.equal(await uploads.get('acme', uploadOf(2).id), undefined);
      assert.deepEqual(
        (await keys.usage()).map(({ kekId }) => kekId),
        ['kek-2'],
      );
      await insertOne({ uploads }, uploadOf(4), under({ ...OLD, wrapperId: 'other' }));
    });

    it('an intermediate key that was moved, or found outside, wraps nothing more, and is there all the same', async () => {
      const { intermediates } = opened().store;
      const [one, two, three] = [1, 2, 3].map((n) => intermediateUnder(OLD, n));
      assert.ok(one && two && three);
      const newest = async () => (await intermediates.newest('acme', '2026-11-23'))?.id;
      await intermediates.insert(one, false);
      await intermediates.insert(two, true, false);
      assert.equal(await newest(), one.id);
      await intermediates.replace(one.id, one.wrapped, under(NEW));
      assert.equal(await newest(), undefined);
      assert.equal(await intermediates.lastVersion('acme', '2026-11-23'), 2);
      await intermediates.insert(three, false);
      assert.equal(await newest(), three.id);
      assert.equal((await intermediates.list()).length, 3);
      assert.ok(await intermediates.get(one.id));
    });
  });
}
