import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { LeaseLost, underLease } from '../../../src/uploads/rekey/lease.ts';
import type { Services } from '../../../src/uploads/services.ts';
import { waitUntil } from '../../support/processes.ts';
import { HOUR, LEASE, NEVER, rekeyWorld } from './rekey-world.ts';

const MINUTE = 60_000;
const untilAborted = async (signal: AbortSignal): Promise<unknown> => {
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason;
};

describe('the lease of a re-key', () => {
  it('is renewed while its worker works', async (t) => {
    await using world = await rekeyWorld({ versioned: true });
    await world.ask();
    const begun = await world.slot();
    t.mock.timers.enable({ apis: ['setInterval'] });
    await underLease(world.h.services, begun, NEVER, async () => {
      world.h.clock.now += MINUTE;
      t.mock.timers.tick(MINUTE);
      await waitUntil('a renewal', async () => (await world.slot()).nextCheckAt !== begun.nextCheckAt);
    });
    const renewed = await world.slot();
    assert.equal(renewed.nextCheckAt, world.h.clock.now + LEASE);
    assert.equal(renewed.urlEndsAt, world.h.clock.now + HOUR);
  });

  it('a DELETE ends the work at the next renewal', async (t) => {
    await using world = await rekeyWorld({ versioned: true });
    await world.ask();
    t.mock.timers.enable({ apis: ['setInterval'] });
    const reason = await underLease(world.h.services, await world.slot(), NEVER, async (signal) => {
      await world.h.call('DELETE', `/v1/uploads/${world.id}`, { token: world.token });
      t.mock.timers.tick(MINUTE);
      return untilAborted(signal);
    });
    assert.ok(reason instanceof LeaseLost);
    assert.equal((await world.slot()).state, 'deleting');
  });

  it('while the store is dead the work goes on, but ends before the time that a DELETE waits for', async (t) => {
    await using world = await rekeyWorld({ versioned: true });
    await world.ask();
    const begun = await world.slot();
    const { h } = world;
    let asked = 0;
    const update = async (): Promise<never> => {
      asked += 1;
      throw new Error('dead');
    };
    const services: Services = {
      ...h.services,
      store: { ...h.store, uploads: { ...h.store.uploads, update } },
    };
    t.mock.timers.enable({ apis: ['setInterval'] });
    await underLease(services, begun, NEVER, async (signal) => {
      h.clock.now = begun.urlEndsAt - 10 * MINUTE - 1;
      t.mock.timers.tick(MINUTE);
      await waitUntil('a try', () => asked === 1);
      await new Promise(setImmediate);
      assert.equal(signal.aborted, false);
      h.clock.now += 1;
      t.mock.timers.tick(MINUTE);
      assert.ok((await untilAborted(signal)) instanceof LeaseLost);
    });
  });
});

describe('the job of a re-key', () => {
  it('leaves one to its worker, and takes it over when the lease has ended', async () => {
    await using world = await rekeyWorld({ versioned: true });
    await world.ask();
    world.h.clock.now += LEASE - 1;
    await world.h.jobs.runOnce();
    assert.equal(world.s3.calls.get('copy'), undefined);
    world.h.clock.now += 1;
    await world.h.jobs.runOnce();
    await waitUntil('the re-key', async () => (await world.slot()).generation === 2);
    assert.equal((await world.slot()).nextCheckAt, null);
  });

  it('at the end of the service stops where it is, for another to go on at once', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const { h, s3 } = world;
    await world.ask();
    const reached = Promise.withResolvers<undefined>();
    const goOn = Promise.withResolvers<undefined>();
    s3.before = async ({ name }) => {
      if (name !== 'copy') return;
      reached.resolve(undefined);
      await goOn.promise;
    };
    h.jobs.lookAt(await world.slot());
    await reached.promise;
    const stopped = h.jobs.stop();
    goOn.resolve(undefined);
    await stopped;
    s3.before = undefined;
    assert.equal((await world.slot()).nextCheckAt, h.clock.now);
    assert.deepEqual(await world.opens(), [1], 'nothing was written');
    assert.equal(await world.work(), 'rekeyed');
  });

  it('after what waiting alone does not mend it tries again in an hour', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const { h, s3 } = world;
    await world.ask();
    await s3.remove(
      'uploads',
      (await world.slot()).objectKey,
      await s3.remains('uploads', (await world.slot()).objectKey),
    );
    h.jobs.lookAt(await world.slot());
    await waitUntil('the failure', async () => (await world.slot()).nextCheckAt === h.clock.now + HOUR);
    assert.equal((await world.slot()).nextGeneration, 2);
    assert.equal((await h.store.keys.all(world.id)).length, 2, 'both keys are kept');
  });
});
