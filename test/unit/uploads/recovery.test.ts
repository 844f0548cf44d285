import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readRecoveryTags } from '../../../src/custody/recovery-copy.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import type { PlacedKey } from '../../../src/store/port.ts';
import { renewCopy } from '../../../src/uploads/recovery.ts';
import { placeOf } from '../../../src/uploads/services.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { FakeObjectStore } from '../../support/fake-s3.ts';
import {
  addVersion,
  arrive,
  ASK,
  complete,
  create,
  kek,
  stored,
  uploaded,
  world,
  type World,
} from './recover-world.ts';

const DAY = 86_400_000;

/** As `sealslot rewrap` does it: under another KEK, which leaves the copy stale. */
async function rewrap(w: World, id: string, generation = 1): Promise<void> {
  const upload = await stored(w, id);
  const key = await w.h.store.keys.get(id, generation);
  assert.ok(key);
  const to = await kek('kek-2').rewrap(key.wrapped, placeOf(upload, generation));
  assert.deepEqual(await w.h.store.keys.replace([{ uploadId: id, generation, from: key.wrapped, to }]), [
    true,
  ]);
}

async function placed(w: World, id: string, generation = 1): Promise<PlacedKey> {
  const key = await w.h.store.keys.get(id, generation);
  assert.ok(key);
  return { ...key, upload: await stored(w, id) };
}

const copyOf = async (w: World, id: string, generation = 1) =>
  (await w.h.store.keys.get(id, generation))?.copy;

const tagsOf = (w: World, { objectKey }: Pick<Upload, 'objectKey'>, n = 0) =>
  w.s3.versionsOf(objectKey)[n]?.tags ?? {};

describe('a slot with a recovery copy', () => {
  it('has its tags signed, not hoisted, and among the headers that the client sends', async () => {
    await using w = await world();
    const { request, id, objectKey } = await create(w);
    const url = new URL(request.url as string);
    assert.match(url.searchParams.get('X-Amz-SignedHeaders') ?? '', /(^|;)x-amz-tagging(;|$)/);
    assert.ok(![...url.searchParams.keys()].some((name) => /tagging/i.test(name)));
    const header = String(request.headers['x-amz-tagging']);
    assert.match(header, /^[A-Za-z0-9._~=&%-]+$/);
    const copy = readRecoveryTags(Object.fromEntries(new URLSearchParams(header)));
    const stands = await w.h.store.keys.get(id as string, 1);
    assert.deepEqual(
      { tenant: copy?.tenant, slot: copy?.slot, generation: copy?.generation },
      { tenant: 'acme', slot: id, generation: 1 },
    );
    assert.deepEqual(Buffer.from(copy?.wrapped.bytes ?? []), Buffer.from(stands?.wrapped.bytes ?? []));
    assert.deepEqual(stands?.copy, { wrapperId: 'local', kekId: 'kek-1', isStale: false });
    const place = {
      purpose: 'object',
      tenant: 'acme',
      bucket: 'uploads',
      objectKey: String(objectKey),
      slot: String(id),
      generation: 1,
    } as const;
    assert.ok(copy && (await kek().unwrap(copy.wrapped, place)));
  });

  it('is given the tags of its key as it is wrapped now; one made without a copy never gets any', async () => {
    await using w = await world();
    const again = async (id: string) =>
      (await w.h.call('POST', `/v1/uploads/${id}/request`, { token: w.token, body: {} })).body.request
        .headers as Record<string, string>;
    const { id } = await create(w);
    await rewrap(w, id as string);
    const tagging = (await again(id as string))['x-amz-tagging'] ?? '';
    assert.equal(new URLSearchParams(tagging).get('sealslot-kek'), 'local/kek-2');

    await using without = await world(undefined, { custody: { recovery: undefined } });
    const slot = await create(without);
    assert.equal(slot.request.headers['x-amz-tagging'], undefined);
    assert.equal(await copyOf(without, slot.id as string), null);
  });

  it('must arrive with its tags; without them, or with more, it is rejected', async () => {
    await using w = await world();
    for (const [tags, status] of [
      [undefined, 200],
      [{}, 422],
      [{ extra: 'x' }, 422],
    ] as const) {
      const slot = await create(w);
      await arrive(w, slot);
      const [object] = w.s3.versionsOf(slot.objectKey as string);
      assert.ok(object);
      if (tags) w.s3.shelf.tag(object, 'extra' in tags ? { ...object.tags, ...tags } : tags);
      const { status: answered, body } = await complete(w, slot);
      assert.equal(answered, status);
      if (status === 422) assert.equal(body.mismatches[0].field, 'tagCount');
    }
  });

  it('where HEAD does not count tags they are read; where they cannot be read nothing is rejected', async () => {
    await using w = await world();
    const slot = await create(w);
    await arrive(w, slot, { tagCount: 0 });
    w.s3.failAt('getTags', 1);
    assert.equal((await complete(w, slot)).status, 503);
    assert.equal((await stored(w, slot.id as string)).state, 'issued');
    assert.equal((await complete(w, slot)).status, 200);
  });

  it('rewrapped while its URL was out, it arrives with the old copy and gets the new one', async () => {
    await using w = await world();
    const slot = await create(w);
    await rewrap(w, slot.id as string);
    assert.equal((await copyOf(w, slot.id as string))?.isStale, true);
    await arrive(w, slot);
    assert.equal((await complete(w, slot)).status, 200);
    assert.deepEqual(await copyOf(w, slot.id as string), {
      wrapperId: 'local',
      kekId: 'kek-2',
      isStale: false,
    });
    assert.equal(tagsOf(w, slot as Upload)['sealslot-kek'], 'local/kek-2');
  });

  it('a copy that cannot be renewed then fails nothing, and stays stale', async () => {
    await using w = await world();
    const slot = await create(w);
    await rewrap(w, slot.id as string);
    await arrive(w, slot);
    w.s3.failAt('putTags', 1);
    assert.equal((await complete(w, slot)).status, 200);
    assert.equal((await copyOf(w, slot.id as string))?.isStale, true);
  });
});

describe('renewing a copy', () => {
  it('writes it beside the tags of others, on the version that its generation opens', async () => {
    const s3 = new FakeObjectStore();
    s3.versioned = true;
    await using w = await world(s3);
    const upload = await uploaded(w);
    const [object] = s3.versionsOf(upload.objectKey);
    assert.ok(object);
    s3.shelf.tag(object, { ...object.tags, project: 'x', 'sealslot-key-2': 'AA==' });
    const second = await addVersion(w, upload, 2);
    const lease = { now: w.h.clock.now, writesUntil: w.h.clock.now, nextCheckAt: w.h.clock.now };
    const begun = await w.h.store.keys.begin({ ...upload, nextGeneration: 2 }, second.wrapped, lease, true);
    assert.ok(begun);
    assert.equal(
      await renewCopy(w.h.services, await placed(w, upload.id, 2)),
      'waiting',
      'a re-key writes it',
    );
    await w.h.store.keys.advance(begun, { etag: null, versionId: second.versionId, nextCheckAt: null });

    for (const generation of [1, 2]) {
      await rewrap(w, upload.id, generation);
      assert.equal(await renewCopy(w.h.services, await placed(w, upload.id, generation)), 'renewed');
      assert.equal((await copyOf(w, upload.id, generation))?.isStale, false);
    }
    const [newer, older] = [tagsOf(w, upload, 0), tagsOf(w, upload, 1)];
    assert.equal(readRecoveryTags(newer)?.generation, 2);
    assert.equal(readRecoveryTags(older)?.generation, 1);
    assert.equal(older.project, 'x');
    assert.deepEqual(
      [newer, older].map((tags) => tags['sealslot-kek']),
      ['local/kek-2', 'local/kek-2'],
    );
  });

  it('is not noted when S3 shows other tags than it took, nor when the key was wrapped anew meanwhile', async () => {
    await using w = await world();
    const upload = await uploaded(w);
    await rewrap(w, upload.id);
    const key = await placed(w, upload.id);
    const [object] = w.s3.versionsOf(upload.objectKey);
    w.s3.after = ({ name }) => {
      const now = w.s3.versionsOf(upload.objectKey)[0];
      if (name === 'putTags' && now && object) w.s3.shelf.tag(now, object.tags);
    };
    await assert.rejects(renewCopy(w.h.services, key), DependencyUnavailable);
    w.s3.after = undefined;
    assert.equal((await copyOf(w, upload.id))?.isStale, true);
    await rewrap(w, upload.id);
    assert.equal(await renewCopy(w.h.services, key), 'waiting');
    assert.equal((await copyOf(w, upload.id))?.isStale, true);
  });

  it('of an object that is not there, or that a re-key has replaced, there is none any more', async () => {
    await using w = await world();
    const upload = await uploaded(w);
    const second = await addVersion(w, upload, 2);
    const lease = { now: w.h.clock.now, writesUntil: w.h.clock.now, nextCheckAt: w.h.clock.now };
    const begun = await w.h.store.keys.begin({ ...upload, nextGeneration: 2 }, second.wrapped, lease, true);
    assert.ok(begun);
    await w.h.store.keys.advance(begun, { etag: null, versionId: null, nextCheckAt: null });
    await rewrap(w, upload.id);
    assert.equal(await renewCopy(w.h.services, await placed(w, upload.id, 1)), 'gone');
    assert.equal(await copyOf(w, upload.id, 1), null);
    assert.equal(readRecoveryTags(tagsOf(w, upload))?.generation, 2, 'the tags of the other are left alone');
    w.s3.shelf.remove(upload.bucket, upload.objectKey, [{ versionId: null }]);
    await rewrap(w, upload.id, 2);
    assert.equal(await renewCopy(w.h.services, await placed(w, upload.id, 2)), 'gone');
    assert.equal(await copyOf(w, upload.id, 2), null);
  });

  it('waits while URLs that carry the old copy may be used, then for proven absence', async () => {
    await using w = await world();
    const slot = await create(w);
    const id = slot.id as string;
    await rewrap(w, id);
    const renew = async () => renewCopy(w.h.services, await placed(w, id));
    assert.equal(await renew(), 'waiting');
    w.h.clock.now += 30 * DAY;
    assert.equal(await renew(), 'waiting', 'an issued slot is given new URLs');
    await w.h.store.uploads.update(id, ['issued'], { state: 'expired', urlEndsAt: w.h.clock.now });
    assert.equal(await renew(), 'waiting');
    w.h.clock.now += DAY - 1;
    assert.equal(await renew(), 'waiting');
    w.h.clock.now += 1;
    w.s3.listingFails = true;
    await assert.rejects(renew(), DependencyUnavailable);
    w.s3.listingFails = false;
    w.s3.put(slot.objectKey as string, await w.h.customerKey('acme', id), { size: ASK.size });
    assert.equal(await renew(), 'waiting', 'it came late');
    w.s3.shelf.remove('uploads', slot.objectKey as string, [{ versionId: null }]);
    assert.equal(await renew(), 'gone');
    assert.equal(await copyOf(w, id), null);
  });
});
