import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { issueUpload } from '../../src/uploads/issue.ts';
import { LEASE_MS } from '../../src/uploads/lease.ts';
import { removeUpload } from '../../src/uploads/remove.ts';
import type { Services } from '../../src/uploads/services.ts';
import { atEachStep, Crash, type CrashPoint } from './crash-point.ts';
import {
  endsDeleted,
  endsForgotten,
  keptUntil,
  makeExpired,
  makeSlot,
  provableAt,
  removeSlot,
  until,
} from './slots.ts';
import { ASK, MAKER, World } from './world.ts';

describe('a crash at each step', () => {
  it('of making a slot: a retry with the same Idempotency-Key ends with one whole slot', async (t) => {
    const issue = (services: Services) => issueUpload(services, MAKER, ASK, 'a-key');
    const places = await atEachStep(async (point) => {
      await using world = await World.make();
      await crashIn(world, issue, point);
      for (const upload of await world.slots())
        assert.ok(await world.hasKey(upload), `half a slot ${point.place ?? ''}`);
      const { upload, request } = await world.live(issue);
      assert.ok(request, 'it is given its request');
      assert.deepEqual(
        (await world.slots()).map((slot) => slot.id),
        [upload.id],
      );
      assert.ok(await world.hasKey(upload));
    });
    report(t, places, [
      'before wrapper.wrap',
      'after wrapper.wrap',
      'before uploads.insert',
      'after uploads.insert',
    ]);
  });

  it('of DELETE: the slot is as it was, or will be removed', async (t) => {
    const places = await atEachStep(async (point) => {
      await using world = await World.make();
      const { id } = await makeSlot(world);
      const remove = (services: Services) => removeUpload(services, MAKER, id);
      await crashIn(world, remove, point);
      const [upload] = await world.slots();
      assert.ok(upload && ['issued', 'deleting'].includes(upload.state));
      assert.ok(await world.hasKey(upload));
      assert.equal((await world.live(remove)).state, 'deleting');
    });
    report(t, places, ['before uploads.update', 'after uploads.update']);
  });

  it('of the first sweep: a PUT that lands after it is removed too, and the key goes last', async (t) => {
    const places = await atEachStep(async (point) => {
      await using world = await World.make();
      const upload = await makeSlot(world);
      await world.arrive(upload);
      await removeSlot(world, upload);
      await crashInPass(world, point);
      assert.ok(await world.hasKey(upload), `the key is gone too early ${point.place ?? ''}`);
      // The slot is still leased to the worker that is gone.
      world.clock.now += LEASE_MS;
      await world.pass();
      assert.equal(world.s3.objects.size, 0, 'removed at once');

      await world.arrive(upload);
      await endsDeleted(world, upload);
    });
    report(t, places, [
      'after s3.remains',
      'before s3.remove',
      'after s3.remove',
      'before uploads.update',
      'after uploads.update',
    ]);
  });

  it('of the last sweep: the key is there as long as anything else is', async (t) => {
    const places = await atEachStep(async (point) => {
      await using world = await World.make();
      const upload = await makeSlot(world);
      await removeSlot(world, upload);
      await world.arrive(upload);
      world.clock.now = provableAt(upload);
      await crashInPass(world, point);
      const [after] = await world.slots();
      assert.equal(
        await world.hasKey(upload),
        after?.state === 'deleting',
        `${after?.state ?? 'no slot'} ${point.place ?? ''}`,
      );
      await endsDeleted(world, upload);
    });
    report(t, places, [
      'after s3.remains',
      'before s3.remove',
      'after s3.remove',
      'before uploads.bury',
      'after uploads.bury',
    ]);
  });

  it('of the look at a slot whose retention has ended: the key goes once, on proof', async (t) => {
    const places = await atEachStep(async (point) => {
      await using world = await World.make();
      const upload = await makeExpired(world);
      world.clock.now = keptUntil(upload);
      await crashInPass(world, point);
      await endsForgotten(world, upload);
    });
    report(t, places, [
      'after s3.head',
      'before s3.remains',
      'after s3.remains',
      'before uploads.forget',
      'after uploads.forget',
    ]);
  });

  it('of the look at a late object: it is uploaded, and its key stays', async (t) => {
    const places = await atEachStep(async (point) => {
      await using world = await World.make();
      const upload = await makeExpired(world);
      await world.arrive(upload);
      world.clock.now = keptUntil(upload);
      await crashInPass(world, point);
      await until(world, upload, async () => (await world.slots())[0]?.state === 'uploaded');
      assert.ok(await world.hasKey(upload));
      assert.deepEqual(world.violations, []);
    });
    report(t, places, ['after s3.head', 'before uploads.update', 'after uploads.update']);
  });
});

async function crashIn(
  world: World,
  work: (services: Services) => Promise<unknown>,
  point: CrashPoint,
): Promise<void> {
  await world.live(work, point).catch((error: unknown) => {
    if (!(error instanceof Crash)) throw error;
  });
}

/** The job reports what it meets and lives on; here that is the crash and nothing else. */
async function crashInPass(world: World, point: CrashPoint): Promise<void> {
  for (const error of await world.pass(point)) assert.ok(error instanceof Crash, String(error));
}

/** The steps that the title promises were among the crash points. */
function report(
  t: { diagnostic(text: string): void },
  places: readonly string[],
  expected: readonly string[],
): void {
  t.diagnostic(`${places.length} crash points: ${places.join(', ')}`);
  assert.deepEqual(
    expected.filter((place) => !places.includes(place)),
    [],
  );
}
