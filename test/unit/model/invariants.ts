import assert from 'node:assert/strict';
import type { UploadEvent } from '../../../src/store/port.ts';
import { customerKeyOf } from '../../../src/uploads/customer-key-of.ts';
import type { Upload, UploadState } from '../../../src/uploads/upload.ts';
import { ENDED, MARGIN } from './life.ts';
import type { Slot } from './truth.ts';
import type { World } from './world.ts';

const MOST = 1_000;

/** DESIGN's arrows, and what one command may take a slot over. */
const AFTER: Readonly<Record<UploadState, readonly UploadState[]>> = {
  issued: ['issued', 'uploaded', 'rejected', 'expired', 'deleting', 'deleted'],
  expired: ['expired', 'uploaded', 'rejected', 'deleting', 'deleted'],
  uploaded: ['uploaded', 'deleting', 'deleted'],
  rejected: ['rejected', 'deleting', 'deleted'],
  deleting: ['deleting', 'deleted'],
  deleted: ['deleted'],
};

/** All that must be true after every command. */
export async function examine(world: World): Promise<void> {
  const { store, tenant, clock } = world;
  assert.deepEqual(world.violations, []);
  const rows = new Map(
    [
      ...(await store.uploads.list(tenant, { limit: MOST, now: 0 })),
      ...(await store.uploads.list(tenant, { state: 'deleted', limit: MOST, now: 0 })),
    ].map((row) => [row.id, row]),
  );
  for (const row of rows.values()) if (!world.slots.some(({ id }) => id === row.id)) discover(world, row);

  for (const slot of world.slots) {
    const row = rows.get(slot.id);
    if (row === undefined) {
      assert.ok(slot.destroyedAt !== undefined, `${slot.id} is lost, its key never destroyed`);
      assert.ok(clock.now >= slot.destroyedAt + ENDED, `${slot.id} left the store too early`);
      slot.isPurged = true;
    } else await examineRow(world, slot, row);
    if (slot.destroyedAt !== undefined) examineDestroyed(world, slot);
  }
  assertOneKeyEach(world.slots);
  await examineMessages(world);
}

/** A slot that was made for a client which never heard of it. */
function discover(world: World, { id, objectKey, method, size, contentType, state }: Upload): void {
  world.slots.push({
    ...{ id, objectKey, method, size, contentType, state },
    handed: [],
    keyMd5: undefined,
    destroyedAt: undefined,
    isPurged: false,
    wasRight: false,
  });
}

async function examineRow(world: World, slot: Slot, row: Upload): Promise<void> {
  const { store, life, clock, s3 } = world;
  assert.ok(!slot.isPurged, `${slot.id} is back`);
  assert.ok(AFTER[slot.state].includes(row.state), `${slot.id}: ${slot.state} → ${row.state}`);
  assert.equal(row.objectKey, slot.objectKey);
  slot.state = row.state;

  const key = await store.keys.get(slot.id, 1);
  if (key === undefined) {
    const isEnded = row.state === 'deleted' || row.forgottenAt !== null;
    assert.ok(isEnded && row.state !== 'uploaded', `${slot.id} is ${row.state} and has no key`);
    slot.destroyedAt ??= clock.now;
  } else {
    assert.ok(slot.destroyedAt === undefined && row.state !== 'deleted', `${slot.id} has a key still`);
    const md5 = (await customerKeyOf(life.onlooker, row)).md5();
    slot.keyMd5 ??= md5;
    assert.equal(md5, slot.keyMd5, `${slot.id} has another key`);
  }
  const object = s3.versionsOf(slot.objectKey)[0];
  if (object !== undefined && isAsAnnounced(object, slot)) slot.wasRight = true;
  if (row.state === 'uploaded') assert.ok(slot.wasRight, `${slot.id} is uploaded, and nothing is there`);
}

export function isAsAnnounced(
  object: ReturnType<World['s3']['versionsOf']>[number],
  { keyMd5, size, contentType }: Slot,
): boolean {
  const { facts } = object;
  const isPlain = facts.contentEncoding === null;
  return object.keyMd5 === keyMd5 && facts.size === size && facts.contentType === contentType && isPlain;
}

/** Invariant 3: nothing is there, and nothing can come. */
function examineDestroyed({ s3, clock }: World, slot: Slot): void {
  assert.ok(!s3.hasAny(slot.objectKey), `${slot.id}: something is there, and its key is destroyed`);
  for (const { endsAt } of slot.handed) {
    assert.ok(clock.now >= endsAt + MARGIN, `${slot.id}: a PUT may still land, and its key is destroyed`);
  }
}

/** Invariant 4. */
function assertOneKeyEach(slots: readonly Slot[]): void {
  const keys = slots.flatMap(({ keyMd5 }) => keyMd5 ?? []);
  assert.equal(new Set(keys).size, keys.length, 'two slots share a key');
  assert.equal(new Set(slots.map(({ objectKey }) => objectKey)).size, slots.length, 'or an object key');
  for (const { id, objectKey } of slots) assert.ok(objectKey.includes(id), objectKey);
}

/** Each transition is told once, by the commit that makes it. */
async function examineMessages({ store, tenant, slots }: World): Promise<void> {
  const told = new Map<string, UploadEvent[]>();
  for (const { uploadId, type, payload } of await store.outbox.list({ tenant, limit: MOST })) {
    told.set(uploadId, [...(told.get(uploadId) ?? []), type]);
    const { data } = JSON.parse(payload) as { data: { id: string; state: string } };
    assert.deepEqual([data.id, `upload.${data.state}`], [uploadId, type]);
  }
  for (const slot of slots) {
    const types = told.get(slot.id) ?? [];
    assert.equal(new Set(types).size, types.length, `${slot.id}: told twice: ${types.join()}`);
    const has = (type: UploadEvent) => types.includes(type);
    const settled = Number(has('upload.uploaded')) + Number(has('upload.rejected'));
    assert.ok(settled <= 1, `${slot.id}: ${types.join()}`);
    // A DELETE may have come right before its purge.
    if (slot.isPurged) continue;
    if (slot.state === 'issued') assert.deepEqual(types, []);
    else if (slot.state !== 'deleting')
      assert.ok(has(`upload.${slot.state}`), `${slot.id}: ${slot.state} untold`);
    if (slot.state === 'expired') assert.equal(settled, 0);
    assert.equal(
      has('upload.deleted'),
      slot.state === 'deleted',
      `${slot.id} is ${slot.state}: ${types.join()}`,
    );
  }
}
