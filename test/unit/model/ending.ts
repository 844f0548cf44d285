import assert from 'node:assert/strict';
import { land } from './clients.ts';
import { DAY, ENDED } from './life.ts';
import type { World } from './world.ts';

/** Looks are at most a day apart; the last key goes some days after the last object. */
const DAYS = 14;

/** S3 is well again, all clients come to their end, and days pass: every slot comes to its own end. */
export async function endOfAll(world: World): Promise<void> {
  await world.step(async () => {
    await world.restart();
    world.s3.fault('none');
    for (const body of world.bodies.splice(0)) land(world, body);
  });
  for (let day = 0; day < DAYS; day += 1) {
    await world.step(async () => {
      world.clock.now += DAY;
      await world.life.jobs.runOnce();
    });
  }
  for (const slot of world.slots) {
    const { id, state, destroyedAt, isPurged } = slot;
    const isKept = state === 'uploaded' || (state === 'rejected' && world.setup.rejected === 'keep');
    if (isKept) assert.equal(destroyedAt, undefined, `the key of ${id}, ${state}, is destroyed`);
    else assert.ok(destroyedAt !== undefined, `${id} is ${state} for ever, and its key stays`);
    const isDue = destroyedAt !== undefined && world.clock.now >= destroyedAt + ENDED + DAY;
    assert.equal(isPurged, isPurged || isDue, `${id}, ${state}, is never purged`);
    assert.equal(
      world.s3.hasAny(slot.objectKey) && !isKept,
      false,
      `something of ${id}, ${state}, is left in S3`,
    );
  }
}
