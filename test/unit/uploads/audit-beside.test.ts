import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { adoptObject } from '../../../src/uploads/adopt.ts';
import { placeOf } from '../../../src/uploads/services.ts';
import { flipped, overwriteKey, removeBehind, world, type World } from './audit-world.ts';

/** Once, before the first call of this name. */
function meanwhile(w: World, name: string, act: () => Promise<unknown>): { done: boolean } {
  const state = { done: false };
  w.s3.before = async (call) => {
    if (call.name !== name || state.done) return;
    state.done = true;
    await act();
  };
  return state;
}

describe('an audit beside the service', () => {
  it('drops what a DELETE explains', async () => {
    await using w = await world();
    const slot = await w.uploaded();
    const token = await w.h.token();
    const state = meanwhile(w, 'head', async () => {
      removeBehind(w.s3, slot);
      await w.h.call('DELETE', `/v1/uploads/${slot.upload.id}`, { token });
    });
    assert.deepEqual((await w.audit()).codes, []);
    assert.ok(state.done);
  });

  it('drops what a re-key explains, while it is under way and once it is done', async () => {
    await using w = await world();
    const slot = await w.uploaded();
    const { upload } = slot;
    const { now } = w.h.clock;
    const key = CustomerKey.generate();
    const state = meanwhile(w, 'head', async () => {
      const wrapped = await w.h.services.wrapper.wrap(key, placeOf(upload, 2));
      const at = { now, writesUntil: now, nextCheckAt: now };
      assert.ok(await w.h.store.keys.begin({ ...upload, nextGeneration: 2 }, wrapped, at, false));
      const { facts } = w.s3.put(upload.objectKey, key, { size: 5, contentType: 'text/plain' });
      assert.deepEqual((await w.audit()).codes, []);
      const { etag, versionId } = facts;
      const next = { etag, versionId, nextCheckAt: null };
      assert.ok(await w.h.store.keys.advance({ id: upload.id, nextGeneration: 2 }, next));
      removeBehind(w.s3, slot);
      assert.ok(await w.h.store.keys.destroy({ uploadId: upload.id, generation: 1 }, now));
    });
    assert.deepEqual((await w.audit()).codes, []);
    assert.ok(state.done);
    assert.deepEqual((await w.audit()).codes, []);
  });

  it('does not take an object that a re-key has just written over for one under a foreign key', async () => {
    await using w = await world();
    const { upload } = await w.uploaded();
    // In a bucket without versions.
    await w.h.store.uploads.update(upload.id, ['uploaded'], { versionId: null });
    const { now } = w.h.clock;
    const key = CustomerKey.generate();
    const wrapped = await w.h.services.wrapper.wrap(key, placeOf(upload, 2));
    w.s3.put(upload.objectKey, key, { size: 5, contentType: 'text/plain' });
    assert.ok((await w.audit()).codes.includes('object_under_another_key'));
    const at = { now, writesUntil: now, nextCheckAt: now };
    assert.ok(await w.h.store.keys.begin({ ...upload, nextGeneration: 2 }, wrapped, at, false));
    assert.deepEqual((await w.audit()).codes, ['unknown']);
  });

  it('notes a superseded key whose version is gone, and asks for one that is there', async () => {
    await using w = await world();
    const slot = await w.uploaded();
    const { upload } = slot;
    const { now } = w.h.clock;
    const key = CustomerKey.generate();
    const wrapped = await w.h.services.wrapper.wrap(key, placeOf(upload, 2));
    assert.ok(
      await w.h.store.keys.begin(
        { ...upload, nextGeneration: 2 },
        wrapped,
        { now, writesUntil: now, nextCheckAt: now },
        false,
      ),
    );
    const { facts } = w.s3.put(upload.objectKey, key, { size: 5 });
    const { etag, versionId } = facts;
    assert.ok(
      await w.h.store.keys.advance(
        { id: upload.id, nextGeneration: 2 },
        { etag, versionId, nextCheckAt: null },
      ),
    );
    assert.deepEqual((await w.audit()).codes, []);
    removeBehind(w.s3, slot);
    assert.deepEqual((await w.audit()).codes, ['superseded_version_absent']);
  });

  it('drops what was mended meanwhile', async () => {
    await using w = await world();
    const slot = await w.uploaded();
    const wrong = flipped(slot.stored.wrapped.bytes);
    await overwriteKey(w.h, slot, wrong);
    const { wrapper } = w.h.services;
    let unwraps = 0;
    const mending = {
      ...wrapper,
      unwrap: (...args: Parameters<typeof wrapper.unwrap>) => {
        unwraps += 1;
        return wrapper.unwrap(...args).finally(async () => {
          const to = slot.stored.wrapped;
          const change = { uploadId: slot.upload.id, generation: 1, from: { ...to, bytes: wrong }, to };
          if (unwraps === 1) await w.h.store.keys.replace([change]);
        });
      },
    };
    assert.deepEqual((await w.audit({ services: { ...w.h.services, wrapper: mending } })).codes, []);
    assert.equal(unwraps, 2);
  });

  it('drops a listed object that is imported, or removed, meanwhile', async () => {
    await using w = await world();
    const key = CustomerKey.generate();
    const { facts } = w.s3.put('foreign', key, {});
    const imported = meanwhile(w, 'remains', () =>
      adoptObject(w.h.services, 'acme', { bucket: 'uploads', objectKey: 'foreign', key }),
    );
    assert.deepEqual((await w.audit()).codes, []);
    assert.ok(imported.done);
    w.s3.put('other', key, {});
    const removed = meanwhile(w, 'remains', async () => {
      const { versionId } = w.s3.objects.get('other')!.facts;
      assert.ok(w.s3.shelf.remove('uploads', 'other', [{ versionId }]));
    });
    assert.deepEqual((await w.audit()).codes, []);
    assert.ok(removed.done && facts.versionId !== null);
  });
});

describe('an audit that gets no answer', () => {
  it('says so of every slot and bucket, and finds nothing', async () => {
    await using w = await world();
    await w.uploaded();
    w.s3.dead = true;
    const { codes, slots } = await w.audit();
    assert.deepEqual(codes, ['unknown', 'unknown']);
    assert.deepEqual([slots.looked, slots.total], [0, 1]);
  });

  it('of a KEK: the objects are still looked for', async () => {
    await using w = await world();
    await w.uploaded();
    const unwrap = () => Promise.reject(new DependencyUnavailable('custody', undefined));
    const services = { ...w.h.services, wrapper: { ...w.h.services.wrapper, unwrap } };
    const { codes, versions } = await w.audit({ services });
    assert.deepEqual(codes, ['unknown']);
    assert.equal(versions.looked, 1);
  });

  it('is not patient for ever', async () => {
    await using w = await world();
    for (let n = 0; n < 25; n += 1) await w.uploaded();
    w.s3.dead = true;
    const before = w.s3.calls.get('head') ?? 0;
    const { slots } = await w.audit({ parallel: 1 });
    assert.equal((w.s3.calls.get('head') ?? 0) - before, 20);
    assert.deepEqual([slots.looked, slots.total], [0, undefined]);
  });

  it('ends where the store does not answer', async () => {
    await using w = await world();
    const page = () => Promise.reject(new DependencyUnavailable('store', undefined));
    const { store } = w.h.services;
    const services = { ...w.h.services, store: { ...store, keys: { ...store.keys, page } } };
    await assert.rejects(w.audit({ services }), DependencyUnavailable);
  });

  it('begins nothing more once interrupted', async () => {
    await using w = await world();
    await w.uploaded();
    const { slots, versions } = await w.audit({ signal: AbortSignal.abort() });
    assert.deepEqual([slots.looked, slots.total, versions.total], [0, undefined, undefined]);
  });
});

describe('an audit of a sample', () => {
  it('looks at so many of all, and says what follows from finding nothing', async () => {
    await using w = await world();
    for (let n = 0; n < 8; n += 1) await w.uploaded();
    const before = w.s3.calls.get('head') ?? 0;
    const { slots, versions } = await w.audit({ sample: 6 });
    assert.deepEqual(slots, { looked: 6, total: 8, wrongBelow: 0.5 });
    assert.deepEqual(versions, { looked: 6, total: 8, wrongBelow: 0.5 });
    assert.equal((w.s3.calls.get('head') ?? 0) - before, 6);
    assert.equal((await w.audit({ sample: 8 })).slots.wrongBelow, undefined);
  });

  it('says no bound where something is wrong', async () => {
    await using w = await world();
    for (let n = 0; n < 4; n += 1) removeBehind(w.s3, await w.uploaded());
    const { slots, codes } = await w.audit({ sample: 3 });
    assert.equal(slots.wrongBelow, undefined);
    assert.deepEqual(codes, ['object_absent', 'object_absent', 'object_absent']);
  });
});
