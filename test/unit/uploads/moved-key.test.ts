import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeyUnusable, StateConflict } from '../../../src/errors.ts';
import { customerKeyOf } from '../../../src/uploads/customer-key-of.ts';
import { rewrapWorld } from './rewrap-world.ts';
import { buriedAt } from '../../contract/store-rows.ts';

const at = { now: 0, writesUntil: 0, nextCheckAt: 0 };

describe('a key that is gone when it is asked for', () => {
  it('was superseded or destroyed meanwhile: the caller asks again; of a slot that ended before: an operator must look', async () => {
    await using world = await rewrapWorld();
    const [upload] = await world.upload(1);
    assert.ok(upload);
    const { services, store } = world.harness;
    const wrapped = (await store.keys.get(upload.id, 1))?.wrapped;
    assert.ok(wrapped);
    const begun = await store.keys.begin({ ...upload, nextGeneration: 2 }, wrapped, at, false);
    assert.ok(begun);
    await store.keys.advance(begun, { etag: null, versionId: null, nextCheckAt: null });
    await store.keys.destroy({ uploadId: upload.id, generation: 1 }, 0);
    await assert.rejects(customerKeyOf(services, upload), StateConflict);
    await assert.rejects(customerKeyOf(services, { ...upload, generation: 3 }), StateConflict);
    const removed = await store.uploads.update(upload.id, ['uploaded'], { state: 'deleting' });
    assert.ok(removed);
    await store.uploads.bury(upload.id, removed, buriedAt(0));
    await assert.rejects(customerKeyOf(services, removed), StateConflict);
    const buried = await store.uploads.get(removed.tenant, removed.id);
    assert.ok(buried);
    await assert.rejects(customerKeyOf(services, buried), KeyUnusable);
  });
});
