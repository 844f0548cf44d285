import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StillCompleting } from '../../../src/errors.ts';
import { alone } from '../../../src/uploads/alone.ts';
import { LEASE_MS } from '../../../src/uploads/lease.ts';
import { lifeWorld } from './life-world.ts';

describe('work of one replica at a time', () => {
  it('a second one is told to ask again, and may once the first has ended, however it ended', async () => {
    await using w = await lifeWorld();
    const gate = Promise.withResolvers<string>();
    const first = alone(w.h.services, 'work', () => gate.promise);
    await w.h.store.check();
    await assert.rejects(
      alone(w.h.services, 'work', async () => 'second'),
      StillCompleting,
    );
    assert.equal(await alone(w.h.services, 'other', async () => 'other'), 'other');
    gate.reject(new Error('no'));
    await assert.rejects(first, /no/);
    assert.equal(await alone(w.h.services, 'work', async () => 'second'), 'second');
  });

  it('what a dead replica had is anybody’s after a lease', async () => {
    await using w = await lifeWorld();
    await w.h.store.leases.take('work', 'dead', w.h.clock.now, w.h.clock.now + LEASE_MS);
    const work = () => alone(w.h.services, 'work', async () => 'done');
    await assert.rejects(work(), StillCompleting);
    w.h.clock.now += LEASE_MS;
    assert.equal(await work(), 'done');
  });

  it('a multipart upload that another replica puts together: still_completing, and the job comes again in a minute', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.sendAll(slot);
    const { id, nextCheckAt } = await w.stored(slot);
    const until = w.h.clock.now + 10_000 * LEASE_MS;
    await w.h.store.leases.take(`finish ${id}`, 'another', w.h.clock.now, until);
    const { status, body } = await w.complete(slot);
    assert.deepEqual([status, body.code], [409, 'still_completing']);
    w.h.clock.now = nextCheckAt ?? 0;
    await w.h.jobs.runOnce();
    assert.equal(w.s3.calls.get('completeMultipart'), undefined);
    const waiting = await w.stored(slot);
    assert.deepEqual([waiting.state, waiting.nextCheckAt], ['issued', w.h.clock.now + 60_000]);
    await w.h.store.leases.release(`finish ${id}`, 'another');
    assert.equal((await w.complete(slot)).status, 200);
  });
});
