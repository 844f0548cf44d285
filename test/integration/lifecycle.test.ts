import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { trust } from './support-clients.ts';
import { faultProxy } from '../support/fault-proxy.ts';
import { randomBody, serviceOn, untilS3IsPast } from './support-service.ts';
import { beginPut, download, idsIn, leaveMore, overwrite, put, remains } from './support-steps.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const LATE_BYTES = 200_000;

const minio = await available(() => startMinio());

describe('the life of a slot on MinIO', { skip: minio.skip }, () => {
  before(() => trust(minio.get().caPem));
  after(() => minio.stop());

  for (const versioning of [false, true]) {
    it(`goes from slot to tombstone in ${versioning ? 'a versioned' : 'an unversioned'} bucket`, async () => {
      await using service = await serviceOn(minio.get(), { versioning });
      const { harness } = service;
      const body = randomBody();
      const slot = await service.create({ filename: 'a.txt', contentType: 'text/plain', size: body.length });
      assert.equal(await put(slot, body), 200);

      const completed = await service.post(`/${slot.id}/complete`);
      assert.equal(completed.status, 200);
      assert.equal(typeof completed.body.versionId, versioning ? 'string' : 'undefined');
      assert.equal((await service.get(`/${slot.id}`)).body.state, 'uploaded');
      assert.deepEqual(idsIn(await service.get('?state=uploaded')), [slot.id]);
      if (versioning) await overwrite(service, slot);
      assert.deepEqual(await download(service, slot), body);

      const left = await leaveMore(service, slot, versioning);
      assert.equal(await service.versions(slot), left);
      assert.equal((await service.remove(slot)).body.state, 'deleting');
      assert.equal(await service.versions(slot), left, 'the removal is the job’s');
      await harness.jobs.runOnce();
      assert.deepEqual(await remains(service, slot), { versions: [], multipartUploadIds: [] });
      assert.equal((await service.get(`/${slot.id}`)).body.code, 'upload_deleted');
      assert.equal((await service.remove(slot)).body.state, 'deleting', 'its URL may still bring it back');

      harness.clock.now = (await service.stored(slot)).urlEndsAt + DAY_MS;
      await harness.jobs.runOnce();
      assert.equal((await service.remove(slot)).body.state, 'deleted');
      assert.equal((await service.get(`/${slot.id}`)).body.code, 'upload_deleted');
      assert.deepEqual(idsIn(await service.get('')), []);
      assert.deepEqual(idsIn(await service.get('?state=deleted')), [slot.id]);
      assert.equal(await service.keyOpens(slot), false);
      assert.deepEqual(await remains(service, slot), { versions: [], multipartUploadIds: [] });
    });
  }

  it('takes an object that arrives after its URL and its slot have ended', async () => {
    await using service = await serviceOn(minio.get());
    const { harness } = service;
    const body = randomBody(LATE_BYTES);
    const slot = await service.create({ contentType: 'text/plain', size: body.length, expiresInSeconds: 8 });
    harness.clock.now = (await service.stored(slot)).expiresAt;
    await harness.jobs.runOnce();
    assert.equal((await service.stored(slot)).state, 'expired');
    assert.equal((await service.post(`/${slot.id}/request`)).status, 409);

    // By S3's clock, the real one, the URL lives when this PUT begins, and has ended when the rest is sent.
    const upload = await beginPut(slot, LATE_BYTES, body.subarray(0, LATE_BYTES / 2));
    await untilS3IsPast(service.server, Date.parse(slot.request.expiresAt) + 1000);
    assert.equal(await put(slot, body), 403);
    harness.clock.now += MINUTE_MS;
    // Not awaited yet: MinIO lets a HEAD wait for the PUT under way.
    const meanwhile = harness.jobs.runOnce();
    assert.equal(await service.keyOpens(slot), true);
    assert.equal(await upload.finish(body.subarray(LATE_BYTES / 2)), 200);
    await meanwhile;

    harness.clock.now += MINUTE_MS;
    await harness.jobs.runOnce();
    assert.equal((await service.stored(slot)).state, 'uploaded');
    service.toRealTime();
    assert.deepEqual(await download(service, slot), body);
  });

  it('removes again what a living URL brings back, and keeps the key until it cannot', async () => {
    await using service = await serviceOn(minio.get());
    const { harness } = service;
    const body = randomBody();
    const slot = await service.create({ contentType: 'text/plain', size: body.length });
    assert.equal(await put(slot, body), 200);
    await service.remove(slot);
    await harness.jobs.runOnce();
    assert.equal(await service.versions(slot), 0);

    assert.equal(await put(slot, body), 200, 'if-none-match holds no longer');
    assert.equal(await service.versions(slot), 1);
    const { urlEndsAt } = await service.stored(slot);
    harness.clock.now = urlEndsAt;
    await harness.jobs.runOnce();
    assert.equal(await service.versions(slot), 0);
    assert.equal(await service.keyOpens(slot), true);

    // S3's clock is the real one, so the URL still works: as if this PUT had begun before its end.
    assert.equal(await put(slot, body), 200);
    harness.clock.now = urlEndsAt + DAY_MS - 1;
    await harness.jobs.runOnce();
    assert.equal((await service.stored(slot)).state, 'deleting');
    assert.equal(await service.keyOpens(slot), true);

    harness.clock.now = urlEndsAt + DAY_MS;
    await harness.jobs.runOnce();
    assert.equal(await service.versions(slot), 0);
    assert.equal((await service.stored(slot)).state, 'deleted');
    assert.equal(await service.keyOpens(slot), false);
  });

  it('destroys nothing and signs on while S3 does not answer, and goes on when it is back', async () => {
    await using relay = await faultProxy(minio.get().endpoint);
    await using service = await serviceOn(minio.get(), { endpoint: relay.endpoint });
    const { harness } = service;
    const body = randomBody();
    const ask = { contentType: 'text/plain', size: body.length };
    const [removed, arrived, never] = [
      await service.create(ask),
      await service.create(ask),
      await service.create(ask),
    ];
    assert.equal(await put(removed, body), 200);
    assert.equal(await put(arrived, body), 200);
    assert.equal(
      (await service.post(`/${removed.id}/complete`)).status,
      200,
      'S3 is reached through the relay',
    );

    await relay.cut();
    const unknown = await service.post(`/${arrived.id}/complete`);
    assert.equal(unknown.status, 503);
    assert.equal(unknown.body.code, 'dependency_unavailable');
    assert.match(String(unknown.headers['retry-after']), /^[1-9]\d*$/);
    assert.equal((await service.stored(arrived)).state, 'issued');
    assert.equal((await service.remove(removed)).status, 202);
    const made = await service.create(ask);
    assert.equal(await put(made, body), 200);

    harness.clock.now += 40 * DAY_MS;
    await harness.jobs.runOnce();
    assert.equal((await service.stored(removed)).state, 'deleting');
    assert.equal(await service.versions(removed), 1);
    for (const slot of [removed, arrived, never, made]) assert.equal(await service.keyOpens(slot), true);

    await relay.mend();
    harness.clock.now += MINUTE_MS;
    await harness.jobs.runOnce();
    assert.equal((await service.stored(removed)).state, 'deleted');
    assert.equal(await service.versions(removed), 0);
    assert.equal(await service.keyOpens(removed), false);
    for (const slot of [arrived, made]) assert.equal((await service.stored(slot)).state, 'uploaded');
    // Long past its retention, but the job has to see it expired before it proves the absence.
    harness.clock.now += 2 * DAY_MS;
    await harness.jobs.runOnce();
    assert.equal(await service.keyOpens(never), false);
  });
});
