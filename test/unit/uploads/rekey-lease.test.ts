import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { continueRekey } from '../../../src/uploads/rekey.ts';
import { claim, LeaseLost, underLease } from '../../../src/uploads/rekey/lease.ts';
import type { Services } from '../../../src/uploads/services.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { waitUntil } from '../../support/processes.ts';
import { HOUR, LEASE, NEVER, rekeyWorld } from './rekey-world.ts';

const MINUTE = 60_000;
const RENEW = 15_000;
const untilAborted = async (signal: AbortSignal): Promise<unknown> => {
  await waitUntil('the abort', () => signal.aborted, { timeoutMs: 5_000 });
  return signal.reason;
};

describe('the lease of a re-key', () => {
  it('is renewed while its worker works', async (t) => {
    await using world = await rekeyWorld({ versioned: true });
    await world.ask();
    const begun = await world.slot();
    t.mock.timers.enable({ apis: ['setInterval'] });
    await underLease(world.h.services, begun, NEVER, async () => {
      for (let renewals = 0; renewals < 3; renewals += 1) {
        world.h.clock.now += RENEW;
        t.mock.timers.tick(RENEW);
        const due = world.h.clock.now + LEASE;
        await waitUntil('a renewal', async () => (await world.slot()).nextCheckAt === due);
      }
    });
    assert.equal((await world.slot()).urlEndsAt, world.h.clock.now + HOUR);
  });

  it('a worker that was away for so long that another took over stops, and takes nothing back', async (t) => {
    await using world = await rekeyWorld({ versioned: true });
    await world.ask();
    const begun = await world.slot();
    t.mock.timers.enable({ apis: ['setInterval'] });
    let taken: Upload | undefined;
    const away = underLease(world.h.services, begun, NEVER, async (signal) => {
      world.h.clock.now += LEASE;
      taken = await claim(world.h.services, begun);
      assert.ok(taken);
      t.mock.timers.tick(RENEW);
      throw await untilAborted(signal);
    });
    await assert.rejects(away, LeaseLost);
    assert.deepEqual(await world.slot(), taken);
  });

  it('what fails because another took over is no failure of the re-key', async (t) => {
    await using world = await rekeyWorld({ versioned: true });
    const { h, s3 } = world;
    await world.ask();
    const begun = await world.slot();
    t.mock.timers.enable({ apis: ['setInterval'] });
    s3.before = async ({ name }) => {
      if (name !== 'copy') return;
      s3.before = undefined;
      h.clock.now += LEASE;
      assert.ok(await claim(h.services, begun));
      throw new DependencyUnavailable('s3', undefined, 'NoSuchUpload');
    };
    assert.equal(await continueRekey(h.services, begun, NEVER), 'gone');
  });

  it('does not outlive the re-key: a renewal at its very end changes nothing', async (t) => {
    await using world = await rekeyWorld({ versioned: true });
    await world.ask();
    t.mock.timers.enable({ apis: ['setInterval'] });
    await underLease(world.h.services, await world.slot(), NEVER, async () => {
      await world.h.store.uploads.update(world.id, ['uploaded'], { nextCheckAt: null });
      t.mock.timers.tick(RENEW);
      await new Promise(setImmediate);
    });
    assert.equal((await world.slot()).nextCheckAt, null);
  });

  it("while a plain bucket's new object is read, a DELETE has nothing more to wait for", async (t) => {
    await using world = await rekeyWorld({ versioned: false });
    const { h, s3 } = world;
    await world.ask();
    const { urlEndsAt } = await world.slot();
    t.mock.timers.enable({ apis: ['setInterval'] });
    s3.before = async ({ name, nth }) => {
      if (name !== 'read' || nth !== 2) return;
      h.clock.now += RENEW;
      t.mock.timers.tick(RENEW);
      await waitUntil('a renewal', async () => (await world.slot()).nextCheckAt === h.clock.now + LEASE);
    };
    assert.equal(await world.work(), 'rekeyed');
    assert.equal(s3.calls.get('read'), 2);
    assert.equal((await world.slot()).urlEndsAt, urlEndsAt);
  });

  it('a DELETE ends the work at the next renewal', async (t) => {
    await using world = await rekeyWorld({ versioned: true });
    await world.ask();
    t.mock.timers.enable({ apis: ['setInterval'] });
    const reason = await underLease(world.h.services, await world.slot(), NEVER, async (signal) => {
      await world.h.call('DELETE', `/v1/uploads/${world.id}`, { token: world.token });
      t.mock.timers.tick(RENEW);
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
      t.mock.timers.tick(RENEW);
      await waitUntil('a try', () => asked === 1);
      await new Promise(setImmediate);
      assert.equal(signal.aborted, false);
      h.clock.now += 1;
      t.mock.timers.tick(RENEW);
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
