import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness, type Json } from '../../support/harness.ts';

const DAY = 86_400_000;
const ask = { contentType: 'text/plain', size: 5 };

async function setup(): Promise<{ h: Harness; s3: FakeObjectStore; token: string; slot: Json }> {
  const s3 = new FakeObjectStore();
  const h = await makeHarness({ target: fakeTarget(s3) });
  const token = await h.token();
  const slot = (await h.call('POST', '/v1/uploads', { token, body: ask })).body;
  return { h, s3, token, slot };
}

const arrive = async (
  h: Harness,
  s3: FakeObjectStore,
  slot: Json,
  key = h.customerKey('acme', slot.id as string),
) => s3.put(slot.objectKey as string, await key, { size: 5, contentType: 'text/plain' });
const stored = (h: Harness, slot: Json) => h.store.uploads.get('acme', slot.id as string);
const keyRow = (h: Harness, slot: Json) => h.store.keys.get(slot.id as string, 1);

describe('a key outlives its object (invariant 3)', () => {
  it('an expired slot gives no request, keeps its key, and a late object makes it uploaded', async () => {
    const { h, s3, token, slot } = await setup();
    await using _ = h;
    h.clock.now += 3_600_000;
    const refused = await h.call('POST', `/v1/uploads/${String(slot.id)}/request`, { token });
    assert.equal(refused.status, 409);
    assert.equal(refused.body.state, 'expired');
    assert.equal((await h.call('GET', '/v1/uploads?state=expired', { token })).body.uploads.length, 1);
    await h.jobs.runOnce();
    assert.equal((await stored(h, slot))?.state, 'expired');
    h.clock.now += 20 * DAY;
    await h.jobs.runOnce();
    assert.ok(await keyRow(h, slot));
    await arrive(h, s3, slot);
    h.clock.now += 2 * DAY;
    await h.jobs.runOnce();
    assert.equal((await stored(h, slot))?.state, 'uploaded');
    assert.ok(await keyRow(h, slot));
  });

  it('an object that arrived in time without a complete becomes uploaded, not expired', async () => {
    const { h, s3, slot } = await setup();
    await using _ = h;
    await arrive(h, s3, slot);
    h.clock.now += 3_600_000;
    await h.jobs.runOnce();
    assert.equal((await stored(h, slot))?.state, 'uploaded');
  });

  it('complete works on an expired slot', async () => {
    const { h, s3, token, slot } = await setup();
    await using _ = h;
    await arrive(h, s3, slot);
    h.clock.now += 2 * 3_600_000;
    assert.equal(
      (await h.call('POST', `/v1/uploads/${String(slot.id)}/complete`, { token })).body.state,
      'uploaded',
    );
  });

  it('after the retention the key goes on proven absence only: 403, 500, a failed listing and a dead S3 keep it', async () => {
    const { h, s3, token, slot } = await setup();
    await using _ = h;
    h.clock.now += 3_600_000;
    await h.jobs.runOnce();
    const keptUntil = (await stored(h, slot))!.expiresAt + 30 * DAY;
    h.clock.now = keptUntil - 1;
    await h.jobs.runOnce();
    assert.ok(await keyRow(h, slot), 'not a millisecond early');
    h.clock.now = keptUntil + DAY;
    s3.listingFails = true;
    for (const answer of [
      undefined,
      { kind: 'unknown', status: 403, code: 'AccessDenied' } as const,
      { kind: 'unknown', status: 500, code: 'InternalError' } as const,
    ]) {
      s3.headAnswer = answer;
      h.clock.now += DAY;
      await h.jobs.runOnce();
      assert.ok(await keyRow(h, slot), JSON.stringify(answer));
    }
    s3.headAnswer = undefined;
    s3.dead = true;
    h.clock.now += DAY;
    await h.jobs.runOnce();
    assert.ok(await keyRow(h, slot), 'a dead S3');
    s3.dead = false;
    s3.listingFails = false;
    h.clock.now += DAY;
    await h.jobs.runOnce();
    assert.equal(await keyRow(h, slot), undefined);
    assert.equal((await stored(h, slot))?.state, 'expired');
    const late = await h.call('POST', `/v1/uploads/${String(slot.id)}/complete`, { token });
    assert.equal(late.status, 409, 'its key is gone for good');
    const raced = await h.store.uploads.update(slot.id as string, ['expired'], { state: 'uploaded' });
    assert.equal(raced, undefined, 'a complete under way cannot make it uploaded');
  });

  it('DELETE: removed at once, again when the URL has ended, again after the margin; the key goes only then', async () => {
    const { h, s3, token, slot } = await setup();
    await using _ = h;
    const key = h.customerKey('acme', slot.id as string);
    await arrive(h, s3, slot, key);
    await h.call('POST', `/v1/uploads/${String(slot.id)}/complete`, { token });
    const remove = () => h.call('DELETE', `/v1/uploads/${String(slot.id)}`, { token });
    const deleting = await remove();
    assert.equal(deleting.status, 202);
    assert.equal(deleting.body.state, 'deleting');
    assert.equal(
      (await h.call('GET', `/v1/uploads/${String(slot.id)}`, { token })).body.code,
      'upload_deleted',
    );
    assert.equal(
      (await h.call('POST', `/v1/uploads/${String(slot.id)}/download`, { token })).body.code,
      'upload_deleted',
    );
    await h.jobs.runOnce();
    assert.equal(s3.removals, 1);
    assert.ok(await keyRow(h, slot));
    assert.equal((await remove()).status, 202);

    await arrive(h, s3, slot, key);
    h.clock.now += 900_000;
    await h.jobs.runOnce();
    assert.equal(s3.removals, 2, 'what a living URL brought back is removed again');
    assert.ok(await keyRow(h, slot), 'the URL has ended, the margin has not');
    await arrive(h, s3, slot, key);
    h.clock.now += DAY - 1;
    await h.jobs.runOnce();
    assert.ok(await keyRow(h, slot), 'not a millisecond early');
    h.clock.now += 1;
    await h.jobs.runOnce();
    assert.equal(s3.removals, 3);
    assert.equal(await keyRow(h, slot), undefined);
    assert.equal((await remove()).body.state, 'deleted');
    assert.equal((await h.call('GET', '/v1/uploads', { token })).body.uploads.length, 0);
    assert.equal((await h.call('GET', '/v1/uploads?state=deleted', { token })).body.uploads.length, 1);
  });

  it('DELETE with a failing S3: accepted, nothing destroyed, tried again', async () => {
    const { h, s3, token, slot } = await setup();
    await using _ = h;
    await arrive(h, s3, slot);
    s3.listingFails = true;
    assert.equal((await h.call('DELETE', `/v1/uploads/${String(slot.id)}`, { token })).status, 202);
    h.clock.now += 10 * DAY;
    for (let i = 0; i < 3; i++) {
      h.clock.now += DAY;
      await h.jobs.runOnce();
      assert.ok(await keyRow(h, slot));
    }
    s3.listingFails = false;
    h.clock.now += DAY;
    await h.jobs.runOnce();
    assert.equal(s3.removals, 1);
    assert.equal(await keyRow(h, slot), undefined);
  });

  it('a request made late moves the end that DELETE waits for', async () => {
    const { h, token, slot } = await setup();
    await using _ = h;
    h.clock.now += 3_000_000;
    await h.call('POST', `/v1/uploads/${String(slot.id)}/request`, { token });
    await h.call('DELETE', `/v1/uploads/${String(slot.id)}`, { token });
    h.clock.now += DAY;
    await h.jobs.runOnce();
    assert.ok(await keyRow(h, slot));
    h.clock.now += 900_000;
    await h.jobs.runOnce();
    assert.equal(await keyRow(h, slot), undefined);
  });
});
