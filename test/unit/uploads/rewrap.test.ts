import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readRecoveryTags } from '../../../src/custody/recovery-copy.ts';
import { KeyRefused } from '../../../src/custody/errors.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { customerKeyOf } from '../../../src/uploads/customer-key-of.ts';
import { isUnneeded, kekStatus } from '../../../src/uploads/kek-status.ts';
import { rewrapProven } from '../../../src/uploads/rewrap.ts';
import { placeOf, type Services } from '../../../src/uploads/services.ts';
import type { KekUse } from '../../../src/store/port.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { HIERARCHY, keeper, rewrapWorld } from './rewrap-world.ts';

const RECOVERY = { target: 'main', bucket: 'recovery' };

/** Every key opens, and the old KEK is not asked once. */
async function opensWithoutOld(services: Services, uploads: readonly Upload[], md5s: readonly string[]) {
  const found = await Promise.all(uploads.map((upload) => customerKeyOf(services, upload)));
  assert.deepEqual(
    found.map((key) => key.md5()),
    md5s,
  );
}

async function md5sOf(services: Services, uploads: readonly Upload[]): Promise<string[]> {
  return Promise.all(uploads.map(async (upload) => (await customerKeyOf(services, upload)).md5()));
}

function counts(found: readonly { step: string; outcome: string }[]): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const { step, outcome } of found)
    counted[`${step} ${outcome}`] = (counted[`${step} ${outcome}`] ?? 0) + 1;
  return counted;
}

describe('rewrap', () => {
  it('moves every key, asks nothing of the old KEK afterwards, and leaves what is current alone', async () => {
    await using world = await rewrapWorld();
    const uploads = await world.upload(150);
    const md5s = await md5sOf(world.harness.services, uploads);
    assert.deepEqual(counts(await world.rewrap({ dryRun: true })), { 'object keys moved': 150 });
    assert.deepEqual(counts(await world.rewrap()), { 'object keys moved': 150 });
    world.old.failure = new Error('the old KEK was asked');
    await opensWithoutOld(world.moved(), uploads, md5s);
    assert.deepEqual(counts(await world.rewrap()), { 'object keys current': 150 });
    const status = await kekStatus(world.moved());
    assert.deepEqual(
      status.map((kek) => [kek.kekId, kek.objectKeys, isUnneeded(kek)]),
      [
        ['new-kek', 150, false],
        ['old-kek', 0, true],
      ],
    );
  });

  it('moves intermediate keys, and with them what is under them, by a few calls', async () => {
    await using world = await rewrapWorld({ hierarchy: HIERARCHY });
    const uploads = await world.upload(50);
    const md5s = await md5sOf(world.harness.services, uploads);
    const before = await kekStatus(world.harness.services);
    assert.deepEqual([before[0]?.intermediateKeys, before[0]?.indirectKeys], [1, 50]);
    world.old.calls = 0;
    assert.deepEqual(counts(await world.rewrap()), { 'intermediate keys moved': 1 });
    assert.ok(world.old.calls + world.fresh.calls <= 5, `${world.old.calls} and ${world.fresh.calls} calls`);
    world.old.failure = new Error('the old KEK was asked');
    await opensWithoutOld(world.moved(), uploads, md5s);
    // The service that made them goes on with its cache, and so does one that starts anew.
    await opensWithoutOld(world.harness.services, uploads, md5s);
  });

  it('goes on where it ended, whatever it ended by', async () => {
    await using world = await rewrapWorld();
    const uploads = await world.upload(250);
    const md5s = await md5sOf(world.harness.services, uploads);
    const stop = new AbortController();
    let taken = 0;
    const pace = async (count: number): Promise<void> => {
      taken += count;
      if (taken >= 100) stop.abort();
    };
    const first = await world.rewrap({ signal: stop.signal, pace });
    assert.deepEqual(counts(first), { 'object keys moved': 100 });
    world.fresh.failure = new DependencyUnavailable('custody', undefined);
    await assert.rejects(world.rewrap(), DependencyUnavailable);
    world.fresh.failure = undefined;
    const last = await world.rewrap();
    assert.deepEqual(counts(last), { 'object keys moved': 150, 'object keys current': 100 });
    await opensWithoutOld(world.moved(), uploads, md5s);
  });

  it('is safe beside itself: each key is moved once, and none is lost', async () => {
    await using world = await rewrapWorld();
    const uploads = await world.upload(120);
    const md5s = await md5sOf(world.harness.services, uploads);
    const runs = await Promise.all([world.rewrap(), world.rewrap(), world.rewrap()]);
    const moved = runs.flat().filter(({ outcome }) => outcome === 'moved');
    assert.equal(new Set(moved.map(({ id }) => id)).size, 120);
    assert.equal(moved.length, 120);
    world.old.failure = new Error('the old KEK was asked');
    await opensWithoutOld(world.moved(), uploads, md5s);
  });

  it('takes no more at once than told', async () => {
    await using world = await rewrapWorld();
    await world.upload(7);
    const taken: number[] = [];
    const pace = async (count: number): Promise<void> => void taken.push(count);
    assert.deepEqual(counts(await world.rewrap({ batch: 3, pace })), { 'object keys moved': 7 });
    assert.deepEqual(taken, [3, 3, 1]);
  });

  it('counts a key once that moved beside others that were there already', async () => {
    await using world = await rewrapWorld();
    // By their names, the keys that move would come up again behind those that are current.
    const uploads = await world.upload(4);
    const services = world.moved();
    for (const { id } of uploads.slice(0, 2)) {
      const stored = await services.store.keys.get(id, 1);
      const upload = await services.store.uploads.get('acme', id);
      assert.ok(stored && upload);
      const to = await rewrapProven(services.keks, stored.wrapped, placeOf(upload, 1));
      await services.store.keys.replace([{ uploadId: id, generation: 1, from: stored.wrapped, to }]);
    }
    const expected = { 'object keys current': 2, 'object keys moved': 2 };
    const inOrder = (usage: readonly KekUse[], first: string): KekUse[] =>
      [...usage].sort((a, b) => Number(b.wrapperId === first) - Number(a.wrapperId === first));
    const { keys } = services.store;
    const usage = keys.usage.bind(keys);
    keys.usage = async () => inOrder(await usage(), 'old');
    assert.deepEqual(counts(await world.rewrap()), expected);
  });

  it('moves one tenant’s keys only, when told so', async () => {
    await using world = await rewrapWorld();
    await world.upload(2);
    assert.deepEqual(counts(await world.rewrap({ tenant: 'globex' })), {});
    assert.deepEqual(counts(await world.rewrap({ tenant: 'acme' })), { 'object keys moved': 2 });
  });

  it('names a key that does not open, and moves the others', async () => {
    await using world = await rewrapWorld();
    const [first, second, third] = await world.upload(3);
    assert.ok(first && second && third);
    const { keys } = world.harness.store;
    const stored = await keys.get(second.id, 1);
    assert.ok(stored);
    const bytes = stored.wrapped.bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte));
    const broken = { ...stored.wrapped, bytes };
    await keys.replace([{ uploadId: second.id, generation: 1, from: stored.wrapped, to: broken }]);
    const found = await world.rewrap();
    assert.deepEqual(counts(found), { 'object keys moved': 2, 'object keys failed': 1 });
    const failed = found.find(({ outcome }) => outcome === 'failed');
    assert.deepEqual([failed?.id, failed?.code], [second.id, 'key_refused (not_authentic)']);
    assert.equal((await kekStatus(world.moved())).find(({ kekId }) => kekId === 'old-kek')?.objectKeys, 1);
  });

  it('drops no key whose new form opens as another', async () => {
    const [old, other] = [keeper('old'), keeper('old')];
    const place = {
      purpose: 'object',
      tenant: 'acme',
      bucket: 'b',
      objectKey: 'k',
      slot: 's',
      generation: 1,
    } as const;
    const { CustomerKey } = await import('../../../src/custody/customer-key.ts');
    const wrapped = await old.wrap(CustomerKey.generate(), place);
    const lying = { ...old, rewrap: () => old.wrap(CustomerKey.generate(), place) };
    await assert.rejects(rewrapProven(lying, wrapped, place), /opens as another/);
    const unable = { ...old, rewrap: () => other.wrap(CustomerKey.generate(), place) };
    await assert.rejects(rewrapProven(unable, wrapped, place), KeyRefused);
  });

  describe('with recovery copies', () => {
    it('renews the tags after the rows, and only then is the old KEK unneeded', async () => {
      await using world = await rewrapWorld({ recovery: RECOVERY });
      const uploads = await world.upload(3);
      const before = (await kekStatus(world.moved())).find(({ kekId }) => kekId === 'old-kek');
      assert.deepEqual([before?.objectKeys, before?.copies], [3, 3]);
      const wouldBe = { 'object keys moved': 3, 'copies renewed': 3 };
      assert.deepEqual(counts(await world.rewrap({ dryRun: true })), wouldBe);

      world.s3.failAt('putTags', 2);
      await assert.rejects(world.rewrap(), DependencyUnavailable);
      const half = (await kekStatus(world.moved())).find(({ kekId }) => kekId === 'old-kek');
      assert.deepEqual([half?.objectKeys, half && isUnneeded(half)], [0, false]);

      await world.rewrap();
      const done = (await kekStatus(world.moved())).find(({ kekId }) => kekId === 'old-kek');
      assert.equal(done && isUnneeded(done), true);
      for (const upload of uploads) {
        const [version] = world.s3.versionsOf(upload.objectKey);
        const copy = readRecoveryTags(version?.tags ?? {});
        assert.equal(copy?.wrapped.wrapperId, 'new');
      }
    });

    it('gives copies to objects that were uploaded before there were any', async () => {
      await using world = await rewrapWorld({ recovery: RECOVERY });
      const [upload] = await world.upload(1);
      assert.ok(upload);
      const stored = await world.harness.store.keys.get(upload.id, 1);
      assert.ok(stored);
      await world.harness.store.keys.copied({ uploadId: upload.id, generation: 1 }, null);
      const found = await world.rewrap();
      assert.equal(counts(found)['copies renewed'], 1);
    });

    it('waits for uploads that carry an older copy', async () => {
      await using world = await rewrapWorld({ recovery: RECOVERY });
      const token = await world.harness.token();
      await world.harness.call('POST', '/v1/uploads', {
        token,
        body: { contentType: 'text/plain', size: 1 },
      });
      assert.deepEqual(counts(await world.rewrap()), { 'object keys moved': 1, 'copies waiting': 1 });
      const waiting = (await kekStatus(world.moved())).find(({ kekId }) => kekId === 'old-kek');
      assert.equal(waiting && isUnneeded(waiting), false);
    });

    it('renews the copies of intermediate keys', async () => {
      await using world = await rewrapWorld({ recovery: RECOVERY, hierarchy: HIERARCHY });
      await world.upload(1);
      const found = counts(await world.rewrap());
      assert.deepEqual(found, { 'intermediate keys moved': 1, 'copies renewed': 1 });
      const old = (await kekStatus(world.moved())).find(({ kekId }) => kekId === 'old-kek');
      assert.equal(old && isUnneeded(old), true);
    });
  });
});
