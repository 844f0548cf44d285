import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'node:test';
import type { Completion } from '../../../src/s3/port.ts';
import { completeUpload } from '../../../src/uploads/complete.ts';
import { StillCompleting } from '../../../src/errors.ts';
import { createLongSteps, type LongSteps } from '../../../src/uploads/long-steps.ts';
import { HOUR, PART, PARTED, lifeWorld, type LifeWorld } from './life-world.ts';

/** S3 answers CompleteMultipartUpload so, and has done nothing. */
function answering(w: LifeWorld, completion: Completion): void {
  const target = w.h.services.targets.get('main') ?? assert.fail();
  Object.assign(target.multipart, { complete: async () => completion });
}

describe('completing a multipart upload', () => {
  it('all parts there: put together once, from S3’s list, and verified', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.sendAll(slot);
    const done = await w.complete(slot);
    assert.deepEqual([done.status, done.body.state, done.body.size], [200, 'uploaded', PARTED.size]);
    assert.equal((await w.complete(slot)).status, 200);
    assert.equal(w.s3.calls.get('completeMultipart'), 1);
    assert.deepEqual(await w.told(slot), ['upload.uploaded']);
    assert.equal((await w.stored(slot)).etag, w.s3.objects.get(slot.objectKey)?.facts.etag);
  });

  it('parts missing, or of another size, are named; nothing is put together', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    const before = await w.complete(slot);
    assert.deepEqual(
      [before.status, before.body.code, before.body.missingParts],
      [409, 'not_arrived', [1, 2, 3]],
    );
    await w.sendAll(slot, { 2: PART + 1 });
    const { body } = await w.complete(slot);
    assert.deepEqual([body.code, body.missingParts, body.missingCount], ['not_arrived', [2], 1]);
    assert.equal(w.s3.calls.get('completeMultipart'), undefined);
    await w.sendAll(slot);
    assert.equal((await w.complete(slot)).status, 200);
  });

  it('says before S3 begins until when it may be at work: a DELETE keeps the key until then, and the margin', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.sendAll(slot);
    w.h.clock.now += 30 * 60_000;
    let announced = 0;
    w.s3.before = async (call) => {
      if (call.name === 'completeMultipart') announced = (await w.stored(slot)).urlEndsAt;
    };
    await w.complete(slot);
    assert.ok(announced >= w.h.clock.now + HOUR);
  });

  it('its answer was lost: NoSuchUpload, but the object is there: uploaded', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.sendAll(slot);
    w.s3.failAt('completeMultipart', 1, 'after');
    assert.equal((await w.complete(slot)).status, 503);
    assert.equal((await w.stored(slot)).state, 'issued');
    assert.equal((await w.complete(slot)).body.state, 'uploaded');
    assert.deepEqual(await w.told(slot), ['upload.uploaded']);
  });

  it('NoSuchUpload and no object: restart_needed, the slot expired, told once, and its key destroyed in the end', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.sendAll(slot);
    w.s3.forget(slot.objectKey, (await w.stored(slot)).multipartUploadId ?? '');
    const upload = await w.stored(slot);
    const both = [w.complete(slot), w.complete(slot)];
    w.h.jobs.lookAt(upload);
    for (const { status, body } of await Promise.all(both))
      assert.deepEqual([status, body.code], [409, 'restart_needed']);
    await w.h.jobs.stop();
    assert.equal((await w.stored(slot)).state, 'expired');
    assert.deepEqual(await w.told(slot), ['upload.expired']);
    assert.equal((await w.complete(slot)).body.code, 'restart_needed');
  });

  for (const [what, completion, code, state] of [
    ['a conflict (409)', { kind: 'conflict' }, 'restart_needed', 'expired'],
    ['a part that is not the listed one', { kind: 'refused', code: 'InvalidPart' }, 'not_arrived', 'issued'],
    ['parts in disorder', { kind: 'refused', code: 'InvalidPartOrder' }, 'not_arrived', 'issued'],
    ['too small a part', { kind: 'refused', code: 'EntityTooSmall' }, 'restart_needed', 'expired'],
    ['“there is one already” (412), and there is none', { kind: 'exists' }, 'not_arrived', 'issued'],
  ] as const) {
    it(`S3 answers ${what}: ${code}`, async () => {
      await using w = await lifeWorld();
      const slot = await w.issue();
      await w.sendAll(slot);
      answering(w, completion);
      const { status, body } = await w.complete(slot);
      assert.deepEqual([status, body.code, (await w.stored(slot)).state], [409, code, state]);
    });
  }

  it('S3 answers “there is one already” (412), and there is: uploaded', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.sendAll(slot);
    await w.arrive(slot);
    assert.equal((await w.complete(slot)).body.state, 'uploaded');
  });

  for (const [field, value] of [
    ['crc32c', 'AAAAAA=='],
    ['crc64nvme', 'AAAAAAAAAAA='],
  ] as const) {
    it(`BadDigest where ${field} was announced: rejected, and says which`, async () => {
      await using w = await lifeWorld();
      const slot = await w.issue({ ...PARTED, [field]: value });
      await begin(w, slot);
      answering(w, { kind: 'refused', code: 'BadDigest' });
      for (let n = 0; n < 2; n += 1) {
        const { status, body } = await w.complete(slot);
        assert.deepEqual([status, body.code], [422, 'mismatch']);
        assert.deepEqual(body.mismatches, [{ field, expected: value, actual: null }]);
      }
      assert.deepEqual(await w.told(slot), ['upload.rejected']);
    });
  }

  async function begin(w: LifeWorld, slot: { id: string; objectKey: string }): Promise<void> {
    const checksums = Object.fromEntries([1, 2, 3].map((n) => [n, 'AAAAAA==']));
    const body = { partNumbers: [1, 2, 3], checksums };
    const { status, text } = await w.h.call('POST', `/v1/uploads/${slot.id}/parts`, { token: w.token, body });
    assert.equal(status, 200, text);
    const uploadId = (await w.stored(slot)).multipartUploadId ?? '';
    for (const [n, size] of [PART, PART, 7].entries()) w.s3.putPart(uploadId, { partNumber: n + 1, size });
  }
});

describe('a completion that takes long', () => {
  it('two callers at once: one completion at S3, the same answer for both', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.sendAll(slot);
    const gate = Promise.withResolvers<undefined>();
    w.s3.before = ({ name }) => (name === 'completeMultipart' ? gate.promise : undefined);
    const both = [w.complete(slot), w.complete(slot)];
    while ((w.s3.calls.get('completeMultipart') ?? 0) === 0) await setImmediate();
    gate.resolve(undefined);
    for (const { status, body } of await Promise.all(both))
      assert.deepEqual([status, body.state], [200, 'uploaded']);
    assert.equal(w.s3.calls.get('completeMultipart'), 1);
    assert.deepEqual(await w.told(slot), ['upload.uploaded']);
  });

  it('still_completing after the wait; the work goes on, and the next call gets what it came to', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.sendAll(slot);
    const gate = Promise.withResolvers<undefined>();
    w.s3.before = ({ name }) => (name === 'completeMultipart' ? gate.promise : undefined);
    const waits: number[] = [];
    const steps = createLongSteps();
    const impatient: LongSteps['run'] = (id, waitMs, work) =>
      steps.run(id, waits.push(waitMs) === 1 ? 1 : waitMs, work);
    const services = { ...w.h.services, longSteps: { run: impatient } };
    const upload = await w.stored(slot);
    await assert.rejects(completeUpload(services, upload), StillCompleting);
    const second = completeUpload(services, upload);
    gate.resolve(undefined);
    assert.equal((await second).state, 'uploaded');
    assert.deepEqual(waits, [20_000, 20_000]);
    assert.equal(w.s3.calls.get('completeMultipart'), 1);
  });
});

describe('long steps', () => {
  it('of one slot run one at a time, of two slots at once; a failure is everybody’s, and then forgotten', async () => {
    const steps = createLongSteps();
    const gate = Promise.withResolvers<string>();
    let begun = 0;
    const work = () => ((begun += 1), gate.promise);
    const waiting = [steps.run('a', 1_000, work), steps.run('a', 1_000, work), steps.run('b', 1_000, work)];
    assert.equal(begun, 2);
    gate.reject(new Error('no'));
    for (const one of waiting) await assert.rejects(one, /no/);
    assert.equal(await steps.run('a', 1_000, async () => 'again'), 'again');
  });

  it('a failure that nobody waits for ends nothing else', async () => {
    const steps = createLongSteps();
    const gate = Promise.withResolvers<never>();
    await assert.rejects(
      steps.run('a', 1, () => gate.promise),
      StillCompleting,
    );
    gate.reject(new Error('unheard'));
    await setImmediate();
    assert.equal(await steps.run('a', 1_000, async () => 'again'), 'again');
  });
});
