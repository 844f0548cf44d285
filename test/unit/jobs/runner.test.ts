import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { DependencyUnavailable } from '../../../src/errors.ts';
import type { Json } from '../../support/harness.ts';
import { lifeWorld, type LifeWorld } from '../uploads/life-world.ts';

const PLAIN = { contentType: 'text/plain', size: 5 };

/** What an event of S3 comes to. */
async function hint({ h }: LifeWorld, { id }: Json): Promise<void> {
  const [due] = await h.store.uploads.makeDue([id as string], h.clock.now);
  h.jobs.lookAt(due ?? assert.fail('nothing waits there'));
}

/** What waits for something that never comes fails. */
const PATIENT = { timeout: 30_000 };

describe('lookAt', () => {
  it('a slot that is in hand: one look at a time, and one more after however many hints', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue(PLAIN);
    const gates = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    let inHand = 0;
    let most = 0;
    w.s3.before = async ({ name, nth }) => {
      if (name !== 'head') return;
      most = Math.max(most, (inHand += 1));
      await gates[nth - 1]?.promise;
      inHand -= 1;
    };
    await hint(w, slot);
    while (w.s3.calls.get('head') !== 1) await setImmediate();
    for (let n = 0; n < 5; n += 1) await hint(w, slot);
    for (let n = 0; n < 20; n += 1) await setImmediate();
    assert.equal(w.s3.calls.get('head'), 1);
    gates[0]?.resolve(undefined);
    while ((w.s3.calls.get('head') ?? 0) < 2) await setImmediate();
    gates[1]?.resolve(undefined);
    for (let n = 0; n < 20; n += 1) await setImmediate();
    assert.deepEqual([w.s3.calls.get('head'), most], [2, 1]);
  });

  it('a hint that comes while a slot is in hand outlives the look that came too early', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue(PLAIN);
    const gate = Promise.withResolvers<undefined>();
    w.s3.before = ({ name, nth }) => (name === 'head' && nth === 1 ? gate.promise : undefined);
    await hint(w, slot);
    while (w.s3.calls.get('head') !== 1) await setImmediate();
    // Another replica takes the event, and dies before it looks.
    w.h.clock.now += 1;
    await w.h.store.uploads.makeDue([slot.id as string], w.h.clock.now);
    gate.resolve(undefined);
    await w.h.jobs.stop();
    assert.equal((await w.stored(slot)).nextCheckAt, w.h.clock.now);
  });

  it('a slot that another worker has is left to it', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue(PLAIN);
    const [seen] = await w.h.store.uploads.makeDue([slot.id as string], w.h.clock.now);
    const [leased] = await w.h.store.uploads.claimDue(w.h.clock.now, w.h.clock.now + 60_000, 1);
    w.h.jobs.lookAt(seen ?? assert.fail('no slot'));
    await w.h.jobs.runOnce();
    await w.h.jobs.stop();
    assert.equal(w.s3.calls.get('head'), undefined);
    assert.deepEqual(await w.stored(slot), leased);
  });

  it('stop gives back at once what a pass has claimed and not begun', async () => {
    await using w = await lifeWorld();
    const slots: Json[] = [];
    for (let n = 0; n < 20; n += 1) slots.push(await w.issue(PLAIN));
    const ids = slots.map(({ id }) => id as string);
    await w.h.store.uploads.makeDue(ids, w.h.clock.now);
    const gate = Promise.withResolvers<undefined>();
    w.s3.before = ({ name }) => (name === 'head' ? gate.promise : undefined);
    const passed = w.h.jobs.runOnce();
    while (w.s3.calls.get('head') !== 8) await setImmediate();
    w.h.clock.now += 1;
    const stopped = w.h.jobs.stop();
    gate.resolve(undefined);
    await Promise.all([passed, stopped]);
    assert.equal(w.s3.calls.get('head'), 8);
    const times = (await Promise.all(slots.map((slot) => w.stored(slot)))).map(
      ({ nextCheckAt }) => nextCheckAt,
    );
    assert.equal(times.filter((at) => at === w.h.clock.now).length, 8, 'claimed, and given back');
    assert.equal(times.filter((at) => at === w.h.clock.now - 1).length, 4, 'never claimed');
  });

  it('a DELETE that comes meanwhile is what is looked at next', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue(PLAIN);
    const gate = Promise.withResolvers<undefined>();
    w.s3.before = ({ name }) => (name === 'head' ? gate.promise : undefined);
    w.h.jobs.lookAt(await w.stored(slot));
    await w.h.call('DELETE', `/v1/uploads/${String(slot.id)}`, { token: w.token });
    await w.arrive(slot);
    w.h.jobs.lookAt(await w.stored(slot));
    gate.resolve(undefined);
    while (w.s3.removals === 0) await setImmediate();
    assert.equal((await w.stored(slot)).state, 'deleting');
  });

  it('slots do not wait for each other, nor a pass for them', async () => {
    await using w = await lifeWorld();
    const [slow, quick] = [await w.issue(PLAIN), await w.issue(PLAIN)];
    const gate = Promise.withResolvers<undefined>();
    w.s3.before = ({ objectKey }) => (objectKey === slow.objectKey ? gate.promise : undefined);
    await w.arrive(quick);
    w.h.jobs.lookAt(await w.stored(slow));
    w.h.jobs.lookAt(await w.stored(quick));
    await w.h.jobs.runOnce();
    while ((await w.stored(quick)).state !== 'uploaded') await setImmediate();
    assert.equal((await w.stored(slow)).state, 'issued');
    gate.resolve(undefined);
  });

  it(
    'a DELETE’s first removal waits for no hints of another tenant that S3 does not answer',
    PATIENT,
    async () => {
      await using w = await lifeWorld();
      const slot = await w.issue(PLAIN);
      await w.arrive(slot);
      const token = await w.h.token('globex');
      const gate = Promise.withResolvers<undefined>();
      w.s3.before = ({ name }) => (name === 'head' ? gate.promise : undefined);
      for (let n = 0; n < 20; n += 1) {
        const { body } = await w.h.call('POST', '/v1/uploads', { token, body: PLAIN });
        const hinted = await w.h.store.uploads.get('globex', body.id as string);
        w.h.jobs.lookAt(hinted ?? assert.fail('no slot'));
      }
      await w.h.call('DELETE', `/v1/uploads/${String(slot.id)}`, { token: w.token });
      w.h.jobs.lookAt(await w.stored(slot));
      while (w.s3.removals === 0) await setImmediate();
      assert.equal(w.s3.removals, 1);
      assert.equal(w.s3.calls.get('head'), 4);
      gate.resolve(undefined);
    },
  );

  it('one that fails is tried again in 30 s, and the next hint is heeded', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue(PLAIN);
    w.s3.failAt('head', 1, 'before', new DependencyUnavailable('s3', undefined));
    w.h.jobs.lookAt(await w.stored(slot));
    while ((await w.stored(slot)).nextCheckAt !== w.h.clock.now + 30_000) await setImmediate();
    await w.arrive(slot);
    w.h.jobs.lookAt(await w.stored(slot));
    while ((await w.stored(slot)).state !== 'uploaded') await setImmediate();
  });

  it('stop waits for the look in hand and begins no other', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue(PLAIN);
    const gate = Promise.withResolvers<undefined>();
    w.s3.before = ({ name }) => (name === 'head' ? gate.promise : undefined);
    await hint(w, slot);
    while (w.s3.calls.get('head') !== 1) await setImmediate();
    await hint(w, slot);
    let isStopped = false;
    const stopped = w.h.jobs.stop().then(() => (isStopped = true));
    for (let n = 0; n < 20; n += 1) await setImmediate();
    assert.equal(isStopped, false);
    gate.resolve(undefined);
    await stopped;
    await hint(w, slot);
    for (let n = 0; n < 20; n += 1) await setImmediate();
    assert.equal(w.s3.calls.get('head'), 1);
  });
});
