import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openHierarchy } from '../../../src/composition.ts';
import { KeyNotMine } from '../../../src/custody/errors.ts';
import { DependencyUnavailable, StateConflict } from '../../../src/errors.ts';
import { customerKeyOf } from '../../../src/uploads/customer-key-of.ts';
import type { Services } from '../../../src/uploads/services.ts';
import { placeOf } from '../../../src/uploads/services.ts';
import { shredPeriod, type Shredded, type ShredOptions } from '../../../src/uploads/shred-period.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { watch, type Interference } from '../../support/interference.ts';
import { HIERARCHY, rewrapWorld, type RewrapWorld } from './rewrap-world.ts';
import { buriedAt } from '../../contract/store-rows.ts';

const DAY_MS = 86_400_000;
const RECOVERY = { target: 'main', bucket: 'recovery' };

interface Shred extends AsyncDisposable {
  readonly world: RewrapWorld;
  readonly period: string;
  readonly living: readonly Upload[];
  /** Asserts that the keys of the living are what they were. */
  allLive(): Promise<void>;
  run(options?: Partial<ShredOptions>, ...interferences: readonly Interference[]): Promise<Shredded[]>;
}

/** Three slots of a period that is over, one of them buried. */
async function shredWorld(): Promise<Shred> {
  const world = await rewrapWorld({ hierarchy: HIERARCHY, recovery: RECOVERY });
  const { harness, s3 } = world;
  // The fake keeps small objects apart from those it lists; that every version goes, the integration test shows.
  s3.after = ({ name, bucket, objectKey }) => {
    if (name === 'remove') s3.small.delete(`${bucket}/${objectKey}`);
  };
  const period = new Date(harness.clock.now).toISOString().slice(0, 10);
  const [dead, ...living] = await world.upload(3);
  assert.ok(dead);
  const md5s = await md5sOf(harness.services, living);
  await bury(world, dead);
  harness.clock.now += 2 * DAY_MS;
  return {
    world,
    period,
    living,
    async allLive() {
      const fresh = openHierarchyAnew(harness.services);
      assert.deepEqual(await md5sOf(fresh, living), md5s);
      fresh.wrapper.close();
    },
    run(options = {}, ...interferences) {
      const services = openHierarchyAnew(watched(harness.services, interferences));
      const signal = new AbortController().signal;
      const all = { tenant: 'acme', period, dryRun: false, signal, ...options };
      return Array.fromAsync(shredPeriod(services, all)).finally(() => services.wrapper.close());
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

/** As another process has them: nothing in the cache. */
function openHierarchyAnew(services: Services): Services {
  const { config, keks, store, now, targets } = services;
  return { ...services, wrapper: openHierarchy(config, { keks, store, now, targets: () => targets }) };
}

function watched(services: Services, interferences: readonly Interference[]): Services {
  const { store, targets } = services;
  const target = targets.get('main');
  assert.ok(target);
  const watchedTarget = {
    ...target,
    objects: watch('objects', target.objects, interferences),
    tags: watch('tags', target.tags, interferences),
  };
  return {
    ...services,
    targets: new Map([['main', watchedTarget]]),
    store: {
      ...store,
      keys: watch('keys', store.keys, interferences),
      intermediates: watch('intermediates', store.intermediates, interferences),
    },
  };
}

function md5sOf(services: Services, uploads: readonly Upload[]): Promise<string[]> {
  return Promise.all(uploads.map(async (upload) => (await customerKeyOf(services, upload)).md5()));
}

async function bury(
  { harness, s3 }: RewrapWorld,
  { id, urlEndsAt, bucket, objectKey }: Upload,
): Promise<void> {
  const { uploads } = harness.store;
  await uploads.update(id, ['uploaded'], { state: 'deleting', deletingAt: harness.clock.now });
  await s3.remove(bucket, objectKey, await s3.remains(bucket, objectKey));
  assert.ok(await uploads.bury(id, { urlEndsAt }, buriedAt(harness.clock.now)));
}

/** The `nth` call that is watched fails, and all behind it: the process has ended. */
function endingAt(
  nth: number,
  when: 'before' | 'after',
): Interference & { readonly calls: readonly string[] } {
  const calls: string[] = [];
  const end = (): void => {
    if (calls.length >= nth) throw new DependencyUnavailable('store', undefined);
  };
  return {
    calls,
    before(call) {
      if (calls.length >= nth) end();
      calls.push(call);
      if (when === 'before') end();
    },
    after: when === 'after' ? end : () => undefined,
  };
}

describe('shredPeriod', () => {
  it('wraps anew what lives, then destroys the key and its copy', async () => {
    await using shred = await shredWorld();
    const { store } = shred.world.harness;
    const [key] = await store.intermediates.list({ period: shred.period });
    const [survivor] = shred.living;
    assert.ok(key && survivor);
    const before = await store.keys.get(survivor.id, 1);
    assert.ok(before);

    assert.deepEqual(await shred.run({ dryRun: true }), [
      { id: key.id, survivors: 2, outcome: 'would_be_destroyed' },
    ]);
    assert.ok(
      [...shred.world.s3.small.keys()].some((name) => name.includes(key.id)),
      'control: a copy',
    );
    assert.deepEqual(await shred.run(), [{ id: key.id, survivors: 2, outcome: 'destroyed' }]);
    await shred.allLive();
    assert.equal(await store.intermediates.get(key.id), undefined);
    assert.ok(![...shred.world.s3.small.keys()].some((name) => name.includes(key.id)));

    // What a backup may still hold of a key is of no use with what is left here.
    const fresh = openHierarchyAnew(shred.world.harness.services);
    await assert.rejects(fresh.wrapper.unwrap(before.wrapped, placeOf(survivor, 1)), KeyNotMine);
    fresh.wrapper.close();
    assert.deepEqual(await shred.run(), []);
  });

  it('refuses a period that is not over, or has been for less than keys stay in a cache', async () => {
    await using shred = await shredWorld();
    const { clock } = shred.world.harness;
    const over = Date.parse(`${shred.period}T00:00:00Z`) + DAY_MS;
    for (const now of [over - 1, over, over + HIERARCHY.maxAgeSeconds * 1000 + 59_999]) {
      clock.now = now;
      await assert.rejects(shred.run(), StateConflict, new Date(now).toISOString());
    }
    for (const period of ['2026', 'yesterday', '2999-01-01']) {
      await assert.rejects(shred.run({ period }), StateConflict, period);
    }
    assert.equal((await shred.world.harness.store.intermediates.list({ period: shred.period })).length, 1);
    clock.now = over + HIERARCHY.maxAgeSeconds * 1000 + 60_000;
    assert.equal((await shred.run())[0]?.outcome, 'destroyed');
    await shred.allLive();
  });

  it('keeps the key while a survivor cannot be wrapped anew', async () => {
    await using shred = await shredWorld();
    const { keys } = shred.world.harness.store;
    const [broken] = shred.living;
    assert.ok(broken);
    const stored = await keys.get(broken.id, 1);
    assert.ok(stored);
    const to = { ...stored.wrapped, bytes: Buffer.from(stored.wrapped.bytes).fill(0, 20, 24) };
    await keys.replace([{ uploadId: broken.id, generation: 1, from: stored.wrapped, to }]);
    const [kept] = await shred.run();
    assert.equal(kept?.outcome, 'kept');
    assert.match(kept.why ?? '', new RegExp(`${broken.id}.*key_refused`));
  });

  it('leaves other tenants and periods alone', async () => {
    await using shred = await shredWorld();
    assert.deepEqual(await shred.run({ tenant: 'globex' }), []);
    assert.deepEqual(await shred.run({ period: '2020-01-01' }), []);
    await shred.allLive();
  });

  for (const when of ['before', 'after'] as const) {
    it(`ended ${when} each of its steps, it loses nothing, and is brought to its end by another run`, async (t) => {
      let steps = 0;
      for (let nth = 1; ; nth += 1) {
        await using shred = await shredWorld();
        const ending = endingAt(nth, when);
        const ended = await shred.run({}, ending).then(
          () => false,
          (error: unknown) => {
            assert.ok(error instanceof DependencyUnavailable, String(error));
            return true;
          },
        );
        await shred.allLive();
        const second = await shred.run();
        const at = `ended ${when} ${ending.calls.at(-1) ?? ''}, step ${nth}`;
        assert.ok(
          second.every(({ outcome }) => outcome === 'destroyed'),
          at,
        );
        const { store } = shred.world.harness;
        assert.deepEqual(await store.intermediates.list({ period: shred.period }), [], at);
        assert.ok(![...shred.world.s3.small.keys()].some((name) => name.includes(`/${shred.period}/`)), at);
        await shred.allLive();
        steps = nth;
        if (!ended) break;
      }
      t.diagnostic(`${steps - 1} steps`);
      assert.ok(steps > 10, `${steps} steps`);
    });
  }
});
