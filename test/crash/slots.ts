/** Slots in the states that matter at the end of a key's life, and the two ways that it ends. */
import assert from 'node:assert/strict';
import { issueUpload } from '../../src/uploads/issue.ts';
import { removeUpload } from '../../src/uploads/remove.ts';
import type { Upload } from '../../src/uploads/upload.ts';
import { ASK, MAKER, RETENTION, type World } from './world.ts';

const RETRIES = 5;

export async function makeSlot(world: World): Promise<Upload> {
  return (await world.live((services) => issueUpload(services, MAKER, ASK, undefined))).upload;
}

export async function makeExpired(world: World): Promise<Upload> {
  const upload = await makeSlot(world);
  world.clock.now = upload.expiresAt;
  assert.deepEqual(await world.pass(), []);
  await isKept(world, upload, 'expired');
  return upload;
}

export async function removeSlot(world: World, upload: Upload): Promise<void> {
  await world.live((services) => removeUpload(services, MAKER, upload.id));
}

export async function makeDeleting(world: World): Promise<Upload> {
  const upload = await makeSlot(world);
  await removeSlot(world, upload);
  return upload;
}

export function provableAt(upload: Upload): number {
  return upload.urlEndsAt + RETENTION.deleteMarginSeconds * 1000;
}

export function keptUntil(upload: Upload): number {
  return Math.max(upload.expiresAt, upload.urlEndsAt) + RETENTION.keySeconds * 1000;
}

export async function isKept(world: World, upload: Upload, state: Upload['state']): Promise<void> {
  const [slot] = await world.slots();
  assert.equal(slot?.state, state);
  assert.ok(slot.nextCheckAt !== null, 'it will be looked at again');
  assert.ok(await world.hasKey(upload), 'the key is kept');
  assert.deepEqual(world.violations, []);
}

export async function endsDeleted(world: World, upload: Upload): Promise<void> {
  await until(world, upload, async () => (await world.slots())[0]?.state === 'deleted');
  assert.equal(await world.hasKey(upload), false, 'the key is destroyed');
  assert.equal(world.s3.objects.size, 0, 'the object is gone');
  assert.deepEqual(world.violations, []);
}

export async function endsForgotten(world: World, upload: Upload): Promise<void> {
  await until(world, upload, async () => !(await world.hasKey(upload)));
  const [slot] = await world.slots();
  assert.equal(slot?.state, 'expired');
  assert.equal(slot.nextCheckAt, null, 'there is nothing left to look at');
  assert.deepEqual(world.violations, []);
}

/** Runs the job until `done`, each time when the slot says it is due. */
export async function until(world: World, upload: Upload, done: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < RETRIES && !(await done()); tries += 1) {
    const slot = (await world.slots()).find(({ id }) => id === upload.id);
    world.clock.now = Math.max(world.clock.now, slot?.nextCheckAt ?? 0);
    assert.deepEqual(await world.pass(), []);
  }
  assert.ok(await done(), `a retry ends it, within ${RETRIES} passes`);
}
