import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DAY, HOUR, lifeWorld } from './life-world.ts';

const PLAIN = { contentType: 'text/plain', size: 5 };
const SOON = { retention: { keySeconds: 3 * 86_400, deleteMarginSeconds: 86_400, endedSeconds: 4 * 86_400 } };

describe('completion without the client', () => {
  it('a slot is looked at when its URL has ended, not before, and uploaded though it would live on', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue(PLAIN);
    await w.arrive(slot);
    const { urlEndsAt } = await w.stored(slot);
    w.h.clock.now = urlEndsAt - 1;
    await w.h.jobs.runOnce();
    assert.equal(w.s3.calls.get('head'), undefined);
    w.h.clock.now = urlEndsAt;
    await w.h.jobs.runOnce();
    assert.equal((await w.stored(slot)).state, 'uploaded');
    assert.deepEqual(await w.told(slot), ['upload.uploaded']);
  });

  it('a URL that was asked for meanwhile is waited for; then looks are ever rarer, and the last at the expiry', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue({ ...PLAIN, expiresInSeconds: 60 });
    w.h.clock.now += 30_000;
    await w.h.call('POST', `/v1/uploads/${String(slot.id)}/request`, { token: w.token });
    const { urlEndsAt, expiresAt, nextCheckAt } = await w.stored(slot);
    assert.equal(nextCheckAt, urlEndsAt - 30_000);
    const looks: number[] = [];
    for (;;) {
      const at = (await w.stored(slot)).nextCheckAt ?? assert.fail('never looked at again');
      if (at === expiresAt) break;
      assert.ok(at > w.h.clock.now && at < expiresAt);
      looks.push(at - urlEndsAt);
      w.h.clock.now = at;
      await w.h.jobs.runOnce();
    }
    assert.equal(looks[1], 0);
    const pauses = looks.slice(2).map((at, n) => at - (looks[n + 1] ?? 0));
    assert.deepEqual(
      pauses,
      pauses.toSorted((a, b) => a - b),
    );
    assert.ok(pauses[0] === 60_000 && (pauses.at(-1) ?? 0) > 300_000, pauses.join());
    assert.equal((await w.stored(slot)).state, 'issued');
    w.h.clock.now = expiresAt;
    await w.h.jobs.runOnce();
    assert.equal((await w.stored(slot)).state, 'expired');
    assert.deepEqual(await w.told(slot), ['upload.expired']);
  });

  it('an unfinished upload of whomever, under the slot’s object key, keeps its key', async () => {
    await using w = await lifeWorld({}, SOON);
    const slot = await w.issue(PLAIN);
    w.s3.unfinished.set(slot.objectKey as string, ['of somebody else']);
    w.h.clock.now += HOUR;
    await w.h.jobs.runOnce();
    w.h.clock.now += 30 * DAY;
    await w.h.jobs.runOnce();
    assert.equal(await w.hasKey(slot), true);
    w.s3.unfinished.clear();
    w.h.clock.now += 2 * DAY;
    await w.h.jobs.runOnce();
    assert.equal(await w.hasKey(slot), false);
  });

  it('parts that are all there at the expiry are put together: uploaded', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.sendAll(slot);
    w.h.clock.now += HOUR;
    await w.h.jobs.runOnce();
    assert.equal((await w.stored(slot)).state, 'uploaded');
    assert.deepEqual(await w.told(slot), ['upload.uploaded']);
  });
});

describe('reaping', () => {
  it('an unfinished upload is aborted when the margin has passed, not before: the last part may be under way', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.sendAll(slot, { 3: 1 });
    const { urlEndsAt } = await w.stored(slot);
    const left = () => w.s3.unfinished.get(slot.objectKey)?.length;
    for (const [at, count] of [
      [urlEndsAt + HOUR, 1],
      [urlEndsAt + DAY - 1, 1],
      [urlEndsAt + DAY + HOUR, 0],
    ] as const) {
      w.h.clock.now = at;
      // However seldom the job looks by itself.
      await w.h.store.uploads.update(slot.id, ['issued', 'expired'], { nextCheckAt: at });
      await w.h.jobs.runOnce();
      assert.equal(left(), count, `${at - urlEndsAt} ms after its URLs`);
      assert.equal((await w.stored(slot)).state, 'expired');
      assert.ok(await w.hasKey(slot));
    }
  });

  it('a last part that came late still makes it uploaded', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.sendAll(slot, { 3: 1 });
    w.h.clock.now += HOUR;
    await w.h.jobs.runOnce();
    const { multipartUploadId } = await w.stored(slot);
    w.s3.putPart(multipartUploadId ?? '', { partNumber: 3, size: 7 });
    w.h.clock.now += HOUR;
    await w.h.jobs.runOnce();
    assert.equal((await w.stored(slot)).state, 'uploaded');
    assert.deepEqual(await w.told(slot), ['upload.expired', 'upload.uploaded']);
  });

  for (const [what, ask] of [
    ['by PUT', PLAIN],
    ['by multipart, aborted at S3 behind the service', undefined],
  ] as const) {
    it(`a slot ${what}: expired, forgotten after its retention, purged after endedSeconds; told once`, async () => {
      await using w = await lifeWorld({}, SOON);
      const slot = await w.issue(ask);
      if (ask === undefined) {
        await w.sendAll(slot, { 3: 1 });
        w.s3.forget(slot.objectKey, (await w.stored(slot)).multipartUploadId ?? '');
      }
      const { expiresAt } = await w.stored(slot);
      w.h.clock.now = expiresAt;
      await w.h.jobs.runOnce();
      for (w.h.clock.now = expiresAt + HOUR; w.h.clock.now < expiresAt + 3 * DAY; w.h.clock.now += DAY / 2) {
        await w.h.jobs.runOnce();
        assert.ok(await w.hasKey(slot));
      }
      w.h.clock.now = expiresAt + 4 * DAY;
      await w.h.jobs.runOnce();
      assert.equal(await w.hasKey(slot), false);
      const { state, forgottenAt, nextCheckAt } = await w.stored(slot);
      assert.deepEqual(
        [state, forgottenAt, nextCheckAt],
        ['expired', w.h.clock.now, w.h.clock.now + 4 * DAY],
      );
      w.h.clock.now += 4 * DAY - 1;
      await w.h.store.uploads.update(slot.id, ['expired'], { nextCheckAt: w.h.clock.now });
      await w.h.jobs.runOnce();
      assert.equal((await w.stored(slot)).state, 'expired');
      w.h.clock.now += 1;
      await w.h.jobs.runOnce();
      assert.equal(await w.h.store.uploads.get('acme', slot.id), undefined);
      assert.deepEqual(
        await w.told(slot),
        ['upload.expired'],
        'a message that is not delivered outlives its slot',
      );
    });
  }

  it('a tombstone is purged after endedSeconds', async () => {
    await using w = await lifeWorld({}, SOON);
    const slot = await w.issue(PLAIN);
    await w.h.call('DELETE', `/v1/uploads/${String(slot.id)}`, { token: w.token });
    w.h.clock.now += 2 * DAY;
    await w.h.jobs.runOnce();
    assert.equal((await w.stored(slot)).state, 'deleted');
    assert.deepEqual(await w.told(slot), ['upload.deleted']);
    w.h.clock.now += 4 * DAY;
    await w.h.jobs.runOnce();
    assert.equal(await w.h.store.uploads.get('acme', slot.id), undefined);
  });
});

describe('a rejected object', () => {
  it('is kept by `keep`, and never looked at again', async () => {
    await using w = await lifeWorld({ rejected: 'keep' }, SOON);
    const slot = await w.issue(PLAIN);
    await w.arrive(slot, { size: 6 });
    assert.equal((await w.complete(slot)).status, 422);
    w.h.clock.now += 90 * DAY;
    await w.h.jobs.runOnce();
    assert.ok(w.s3.objects.has(slot.objectKey));
    assert.ok(await w.hasKey(slot));
    assert.equal((await w.complete(slot)).status, 422);
  });

  it('goes by `remove` at once, and again; its key only after the margin, on proven absence; then the slot', async () => {
    await using w = await lifeWorld({ rejected: 'remove' }, SOON);
    const slot = await w.issue(PLAIN);
    await w.arrive(slot, { size: 6 });
    // The harness's service looks at nothing beside its pass.
    assert.equal((await w.complete(slot)).status, 422);
    assert.notEqual((await w.stored(slot)).etag, null);
    await w.h.jobs.runOnce();
    assert.deepEqual([w.s3.removals, w.s3.objects.size], [1, 0]);
    const { urlEndsAt, nextCheckAt, etag } = await w.stored(slot);
    assert.equal(nextCheckAt, urlEndsAt);
    assert.equal(etag, null, 'the slot names no object that is gone');

    await w.arrive(slot);
    w.h.clock.now = urlEndsAt + DAY - 1;
    await w.h.jobs.runOnce();
    assert.equal(w.s3.removals, 2, 'what a living URL brought is removed again, right or not');
    assert.ok(await w.hasKey(slot), 'not a millisecond early');
    w.s3.listingFails = true;
    w.h.clock.now += 60_000;
    await w.h.jobs.runOnce();
    assert.ok(await w.hasKey(slot), 'unknown destroys nothing');
    w.s3.listingFails = false;
    w.h.clock.now += 60_000;
    await w.h.jobs.runOnce();
    assert.equal(await w.hasKey(slot), false);
    assert.match(await w.h.metrics.registry.metrics(), /slots_total\{outcome="discarded"\} 2\n/);
    const again = await w.complete(slot);
    assert.deepEqual([again.status, again.body.mismatches[0].field], [422, 'size']);
    assert.deepEqual(await w.told(slot), ['upload.rejected']);
    w.h.clock.now += 4 * DAY;
    await w.h.jobs.runOnce();
    assert.equal(await w.h.store.uploads.get('acme', slot.id), undefined);
  });
});
