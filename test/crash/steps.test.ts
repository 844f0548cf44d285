import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DependencyUnavailable } from '../../src/errors.ts';
import { issueUpload } from '../../src/uploads/issue.ts';
import { removeUpload } from '../../src/uploads/remove.ts';
import type { Services } from '../../src/uploads/services.ts';
import type { Upload } from '../../src/uploads/upload.ts';
import { atEachStep, Crash, MAKER, RETENTION, World, type CrashPoint, type Interference } from './world.ts';

const ASK = { contentType: 'text/plain', size: 3 };
const RETRIES = 5;

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

describe('S3 that does not say clearly that nothing is there destroys nothing', () => {
  const unavailable = () => new DependencyUnavailable('s3', new Error('403'));

  for (const [what, fault] of [
    ['the first listing fails', failing('s3.remains', 1)],
    ['the removal fails', failing('s3.remove', 1)],
    ['the listing after the removal fails', failing('s3.remains', 2)],
  ] as const) {
    it(`a deleting slot, its time over: ${what}`, async () => {
      await using world = await World.make();
      const upload = await makeSlot(world);
      await removeSlot(world, upload);
      await world.arrive(upload);
      world.clock.now = provableAt(upload);
      const errors = await world.pass(fault());
      assert.ok(errors[0] instanceof DependencyUnavailable);
      await isKept(world, upload, 'deleting');
      await endsDeleted(world, upload);
    });
  }

  it('a deleting slot with an unfinished multipart upload that does not go', async () => {
    await using world = await World.make();
    const upload = await makeSlot(world);
    await removeSlot(world, upload);
    world.clock.now = provableAt(upload);
    world.s3.multipartUploadIds = ['unfinished'];
    assert.deepEqual(await world.pass(), []);
    await isKept(world, upload, 'deleting');
    world.s3.multipartUploadIds = [];
    await endsDeleted(world, upload);
  });

  for (const status of [400, 403, 500, 503]) {
    it(`an expired slot, its retention over: HEAD answers ${status} and so does the listing`, async () => {
      await using world = await World.make();
      const upload = await makeExpired(world);
      world.clock.now = keptUntil(upload);
      world.s3.headAnswer = { kind: 'unknown', status, code: 'Unclear' };
      world.s3.listingFails = true;
      assert.ok((await world.pass())[0] instanceof DependencyUnavailable);
      await isKept(world, upload, 'expired');
      world.s3.headAnswer = undefined;
      world.s3.listingFails = false;
      await endsForgotten(world, upload);
    });

    it(`an expired slot, its retention over: HEAD answers ${status} and the listing shows an object`, async () => {
      await using world = await World.make();
      const upload = await makeExpired(world);
      await world.arrive(upload);
      world.clock.now = keptUntil(upload);
      world.s3.headAnswer = { kind: 'unknown', status, code: 'Unclear' };
      await world.pass();
      await isKept(world, upload, 'expired');
    });
  }

  it('an expired slot, its retention over: HEAD says absent, but the listing fails', async () => {
    await using world = await World.make();
    const upload = await makeExpired(world);
    world.clock.now = keptUntil(upload);
    assert.ok((await world.pass(failing('s3.remains', 1)()))[0] instanceof DependencyUnavailable);
    await isKept(world, upload, 'expired');
    await endsForgotten(world, upload);
  });

  it('an expired slot, its retention over: HEAD says absent, but a multipart upload is unfinished', async () => {
    await using world = await World.make();
    const upload = await makeExpired(world);
    world.clock.now = keptUntil(upload);
    world.s3.multipartUploadIds = ['unfinished'];
    assert.deepEqual(await world.pass(), []);
    await isKept(world, upload, 'expired');
    world.s3.multipartUploadIds = [];
    await endsForgotten(world, upload);
  });

  it('a dead S3, for both', async () => {
    await using world = await World.make();
    const upload = await makeExpired(world);
    world.clock.now = keptUntil(upload);
    world.s3.dead = true;
    assert.ok((await world.pass())[0] instanceof DependencyUnavailable);
    await isKept(world, upload, 'expired');
    await removeSlot(world, upload);
    assert.ok((await world.pass())[0] instanceof DependencyUnavailable);
    await isKept(world, upload, 'deleting');
  });

  it('an expired slot one moment before its retention ends, with nothing there', async () => {
    await using world = await World.make();
    const upload = await makeExpired(world);
    world.clock.now = keptUntil(upload) - 1;
    assert.deepEqual(await world.pass(), []);
    await isKept(world, upload, 'expired');
    await endsForgotten(world, upload);
  });

  it('a deleting slot one moment before its margin ends, with nothing there', async () => {
    await using world = await World.make();
    const upload = await makeSlot(world);
    await removeSlot(world, upload);
    world.clock.now = provableAt(upload) - 1;
    assert.deepEqual(await world.pass(), []);
    await isKept(world, upload, 'deleting');
    await endsDeleted(world, upload);
  });

  /** Fails the n-th call of this name, as the adapter does on any answer but a clear one. */
  function failing(name: string, nth: number): () => Interference {
    return () => {
      let calls = 0;
      return {
        before(call) {
          if (call === name) calls += 1;
          if (call === name && calls === nth) throw unavailable();
        },
      };
    };
  }
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

async function makeSlot(world: World): Promise<Upload> {
  return (await world.live((services) => issueUpload(services, MAKER, ASK, undefined))).upload;
}

async function makeExpired(world: World): Promise<Upload> {
  const upload = await makeSlot(world);
  world.clock.now = upload.expiresAt;
  assert.deepEqual(await world.pass(), []);
  await isKept(world, upload, 'expired');
  return upload;
}

async function removeSlot(world: World, upload: Upload): Promise<void> {
  await world.live((services) => removeUpload(services, MAKER, upload.id));
}

function provableAt(upload: Upload): number {
  return upload.urlEndsAt + RETENTION.deleteMarginSeconds * 1000;
}

function keptUntil(upload: Upload): number {
  return Math.max(upload.expiresAt, upload.urlEndsAt) + RETENTION.keySeconds * 1000;
}

async function isKept(world: World, upload: Upload, state: Upload['state']): Promise<void> {
  const [slot] = await world.slots();
  assert.equal(slot?.state, state);
  assert.ok(slot.nextCheckAt !== null, 'it will be looked at again');
  assert.ok(await world.hasKey(upload), 'the key is kept');
  assert.deepEqual(world.violations, []);
}

async function endsDeleted(world: World, upload: Upload): Promise<void> {
  await until(world, upload, async () => (await world.slots())[0]?.state === 'deleted');
  assert.equal(await world.hasKey(upload), false, 'the key is destroyed');
  assert.equal(world.s3.objects.size, 0, 'the object is gone');
  assert.deepEqual(world.violations, []);
}

async function endsForgotten(world: World, upload: Upload): Promise<void> {
  await until(world, upload, async () => !(await world.hasKey(upload)));
  const [slot] = await world.slots();
  assert.equal(slot?.state, 'expired');
  assert.equal(slot.nextCheckAt, null, 'there is nothing left to look at');
  assert.deepEqual(world.violations, []);
}

/** Runs the job until `done`, each time when the slot says it is due. */
async function until(world: World, upload: Upload, done: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < RETRIES && !(await done()); tries += 1) {
    const slot = (await world.slots()).find(({ id }) => id === upload.id);
    world.clock.now = Math.max(world.clock.now, slot?.nextCheckAt ?? 0);
    assert.deepEqual(await world.pass(), []);
  }
  assert.ok(await done(), `a retry ends it, within ${RETRIES} passes`);
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
