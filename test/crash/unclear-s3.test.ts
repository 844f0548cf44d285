import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DependencyUnavailable } from '../../src/errors.ts';
import {
  endsDeleted,
  endsForgotten,
  isKept,
  keptUntil,
  makeDeleting,
  makeExpired,
  provableAt,
  removeSlot,
} from './slots.ts';
import type { Interference } from '../support/interference.ts';
import { World } from './world.ts';

describe('S3 that does not say clearly that nothing is there destroys nothing', () => {
  const unavailable = () => new DependencyUnavailable('s3', new Error('403'));

  for (const [what, fault] of [
    ['the first listing fails', failing('s3.remains', 1)],
    ['the removal fails', failing('s3.remove', 1)],
    ['the listing after the removal fails', failing('s3.remains', 2)],
  ] as const) {
    it(`a deleting slot, its time over: ${what}`, async () => {
      await using world = await World.make();
      const upload = await makeDeleting(world);
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
    const upload = await makeDeleting(world);
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
    const upload = await makeDeleting(world);
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
