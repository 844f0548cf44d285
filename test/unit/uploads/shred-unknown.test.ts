import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { INTERMEDIATE } from '../../../src/custody/intermediate.ts';
import type { WrappedKey } from '../../../src/custody/port.ts';
import { recoveryTags } from '../../../src/custody/recovery-copy.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { placeOf } from '../../../src/uploads/services.ts';
import { shredPeriod, type Shredded } from '../../../src/uploads/shred-period.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { HIERARCHY, rewrapWorld, type RewrapWorld } from './rewrap-world.ts';
import { buriedAt } from '../../contract/store-rows.ts';

const DAY_MS = 86_400_000;
const RECOVERY = { target: 'main', bucket: 'recovery' };
const UNKNOWN = '01a2b3c4-0000-7000-8000-00000000dead';
const OBJECT_KEY = `in/${UNKNOWN}/a\u001b.pdf`;

interface Shred extends AsyncDisposable, RewrapWorld {
  readonly slot: Upload;
  /** The intermediate key of a period that is over; it wraps the slot's key. */
  readonly id: string;
  run(options?: { dryRun?: boolean; signal?: AbortSignal }): Promise<Shredded[]>;
  /** An object whose tags hold this copy. */
  plant(
    copy: { tenant?: string; slot?: string; generation?: number; wrapped?: Partial<WrappedKey> },
    objectKey?: string,
  ): void;
}

async function shredWorld(recovery: typeof RECOVERY | null = RECOVERY, versioned = false): Promise<Shred> {
  const world = await rewrapWorld({ hierarchy: HIERARCHY, ...(recovery && { recovery }) });
  const { harness, s3 } = world;
  s3.versioned = versioned;
  s3.after = ({ name, bucket, objectKey }) => {
    if (name === 'remove') s3.small.delete(`${bucket}/${objectKey}`);
  };
  const period = new Date(harness.clock.now).toISOString().slice(0, 10);
  const [slot] = await world.upload(1);
  const [key] = await harness.store.intermediates.list({ period });
  assert.ok(slot && key);
  harness.clock.now += 2 * DAY_MS;
  return {
    ...world,
    slot,
    id: key.id,
    run: ({ dryRun = false, signal = new AbortController().signal } = {}) =>
      Array.fromAsync(shredPeriod(harness.services, { tenant: 'acme', period, dryRun, signal })),
    plant({ tenant = 'acme', slot: of = UNKNOWN, generation = 1, wrapped = {} }, objectKey = OBJECT_KEY) {
      const copy = { wrapperId: INTERMEDIATE, kekId: key.id, bytes: Buffer.alloc(61, 1), ...wrapped };
      // Its age tells nothing: it lies there since 1970.
      const tags = recoveryTags({ tenant, slot: of, generation }, copy);
      s3.put(objectKey, CustomerKey.generate(), {}, { bucket: slot.bucket, tags, modifiedAt: 0 });
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

describe('shredding beside objects that the store does not know', () => {
  it('keeps the key and its copy, and names an object; once that is gone the key goes', async () => {
    await using shred = await shredWorld();
    shred.plant({});
    for (const dryRun of [true, false]) {
      const [kept] = await shred.run({ dryRun });
      assert.equal(kept?.outcome, 'kept');
      const why = kept.why ?? '';
      assert.ok(why.includes(JSON.stringify(`uploads/${OBJECT_KEY}`)), why);
      assert.match(why, /sealslot recover/);
    }
    assert.ok(await shred.harness.store.intermediates.get(shred.id));
    assert.ok([...shred.s3.small.keys()].some((name) => name.includes(shred.id)));
    await shred.s3.remove('uploads', OBJECT_KEY, { versions: [{ versionId: null }], multipartUploadIds: [] });
    assert.equal((await shred.run({ dryRun: true }))[0]?.outcome, 'would_be_destroyed');
    assert.equal((await shred.run())[0]?.outcome, 'destroyed');
  });

  it('what is not under this key, or not this tenant’s, does not matter', async () => {
    await using shred = await shredWorld();
    shred.plant({ tenant: 'globex' }, `1/${UNKNOWN}`);
    shred.plant({ wrapped: { kekId: UNKNOWN } }, `2/${UNKNOWN}`);
    shred.plant({ wrapped: { wrapperId: 'old' } }, `3/${UNKNOWN}`);
    shred.s3.put('4', CustomerKey.generate(), {}, { bucket: 'uploads' });
    assert.equal((await shred.run())[0]?.outcome, 'destroyed');
  });

  it('a further version under a key that the store has does not; one under another key, or of another generation, does', async () => {
    for (const [change, outcome] of [
      ['same', 'would_be_destroyed'],
      ['bytes', 'kept'],
      ['generation', 'kept'],
    ] as const) {
      await using shred = await shredWorld(RECOVERY, true);
      const { id: slot, objectKey } = shred.slot;
      const stored = await shred.harness.store.keys.get(slot, 1);
      assert.equal(stored?.wrapped.kekId, shred.id);
      const wrapped = change === 'bytes' ? {} : stored.wrapped;
      shred.plant({ slot, wrapped, generation: change === 'generation' ? 2 : 1 }, objectKey);
      assert.equal((await shred.run({ dryRun: true }))[0]?.outcome, outcome, change);
      assert.equal((await shred.run())[0]?.outcome, change === 'same' ? 'destroyed' : 'kept', change);
    }
  });

  it('another key of the same slot and generation is told from it by opening both', async () => {
    await using shred = await shredWorld(RECOVERY, true);
    const { harness, slot } = shred;
    harness.clock.now -= 2 * DAY_MS;
    const wrapped = await harness.services.wrapper.wrap(CustomerKey.generate(), placeOf(slot, 1));
    harness.clock.now += 2 * DAY_MS;
    assert.equal(wrapped.kekId, shred.id);
    shred.plant({ slot: slot.id, wrapped }, slot.objectKey);
    assert.equal((await shred.run())[0]?.outcome, 'kept');
  });

  it('what was deleted does not keep it, though something came back under its name', async () => {
    await using shred = await shredWorld();
    const { harness, slot, s3 } = shred;
    const { uploads } = harness.store;
    await uploads.update(slot.id, ['uploaded'], { state: 'deleting', deletingAt: harness.clock.now });
    await s3.remove(slot.bucket, slot.objectKey, await s3.remains(slot.bucket, slot.objectKey));
    assert.ok(await uploads.bury(slot.id, slot, buriedAt(harness.clock.now)));
    shred.plant({ slot: slot.id }, slot.objectKey);
    assert.equal((await shred.run())[0]?.outcome, 'destroyed');
  });

  it('S3 is not asked for the tags of versions that the store names', async () => {
    await using shred = await shredWorld(RECOVERY, true);
    const asked: string[] = [];
    shred.s3.before = ({ name, objectKey }) => {
      if (name === 'getTags') asked.push(objectKey);
    };
    shred.plant({ tenant: 'globex' });
    await shred.run({ dryRun: true });
    assert.deepEqual(asked, [OBJECT_KEY]);
  });

  it('asks eight at a time, and no more when it is stopped; the key stays', async () => {
    await using shred = await shredWorld();
    for (let n = 0; n < 40; n += 1) shred.plant({ tenant: 'globex' }, `many/${n}`);
    let [open, most, asked] = [0, 0, 0];
    const stop = new AbortController();
    shred.s3.before = async ({ name, objectKey }) => {
      if (name !== 'getTags' || !objectKey.startsWith('many/')) return;
      open += 1;
      asked += 1;
      most = Math.max(most, open);
      if (asked === 20) stop.abort();
      await setImmediate();
      open -= 1;
    };
    const [kept] = await shred.run({ signal: stop.signal });
    assert.deepEqual([kept?.outcome, kept?.why], ['kept', 'interrupted']);
    assert.equal(most, 8);
    assert.ok(asked < 30, `${asked}`);
    assert.ok(await shred.harness.store.intermediates.get(shred.id));
  });

  it('what does not answer goes up, and the key stays', async () => {
    await using shred = await shredWorld();
    shred.plant({ tenant: 'globex' });
    shred.s3.before = ({ name, objectKey }) => {
      if (name === 'getTags' && objectKey === OBJECT_KEY) throw new DependencyUnavailable('s3', undefined);
    };
    await assert.rejects(shred.run(), DependencyUnavailable);
    shred.s3.before = undefined;
    shred.s3.listingFails = true;
    await assert.rejects(shred.run(), DependencyUnavailable);
    assert.ok(await shred.harness.store.intermediates.get(shred.id));
  });

  it('without recovery copies nothing is listed', async () => {
    await using shred = await shredWorld(null);
    assert.equal((await shred.run())[0]?.outcome, 'destroyed');
    assert.equal(shred.s3.calls.get('versions'), undefined);
  });
});
