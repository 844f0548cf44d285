import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { SCOPES } from '../../../src/access/principal.ts';
import type { Store } from '../../../src/store/port.ts';
import { watch } from '../../support/interference.ts';
import { HOUR, KEY_HEADER, PART, lifeWorld } from './life-world.ts';

interface Part {
  readonly partNumber: number;
  readonly size: number;
  readonly url: string;
}
const signedHeadersOf = (part: Part) => new URL(part.url).searchParams.get('X-Amz-SignedHeaders');
const uploadIdOf = (part: Part) => new URL(part.url).searchParams.get('uploadId');

describe('requests for parts', () => {
  it('the first call begins the upload at S3, once; each part has its size, the key, and nothing else', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    assert.deepEqual(
      { ...slot.request, expiresAt: undefined },
      { method: 'multipart', partSize: PART, partCount: 3, expiresAt: undefined },
    );
    assert.equal(w.s3.calls.get('beginMultipart'), undefined, 'nothing is begun before a part is asked for');
    const { status, body, headers } = await w.parts(slot);
    assert.equal(status, 200);
    assert.equal(headers['cache-control'], 'no-store');
    assert.deepEqual(
      (body.parts as Part[]).map(({ partNumber, size }) => [partNumber, size]),
      [
        [1, PART],
        [2, PART],
        [3, 7],
      ],
    );
    const key = (await w.h.customerKey('acme', slot.id)).headers();
    for (const part of body.parts) {
      assert.deepEqual(part.headers, { ...key });
      assert.equal(signedHeadersOf(part), ['content-length', 'host', ...Object.keys(key)].sort().join(';'));
    }
    const again = await w.parts(slot, [2]);
    assert.equal(w.s3.calls.get('beginMultipart'), 1);
    assert.equal(uploadIdOf(again.body.parts[0]), (await w.stored(slot)).multipartUploadId);
  });

  it('two at once: one upload wins, and the other is aborted', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    const gate = Promise.withResolvers<undefined>();
    w.s3.before = ({ name }) => (name === 'beginMultipart' ? gate.promise : undefined);
    const asked = Array.from({ length: 5 }, () => w.parts(slot));
    while ((w.s3.calls.get('beginMultipart') ?? 0) < 5) await setImmediate();
    gate.resolve(undefined);
    const answers = await Promise.all(asked);
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    const ids = new Set(answers.flatMap(({ body }) => (body.parts as Part[]).map(uploadIdOf)));
    assert.equal(ids.size, 1, 'all get parts of the same upload');
    assert.deepEqual(w.s3.unfinished.get(slot.objectKey), [...ids]);
  });

  it('the end of their URLs is committed before the answer', async () => {
    let atCommit: number | undefined;
    const committed = (call: string, answer: unknown) => {
      if (call === 'uploads.extend') atCommit = (answer as { urlEndsAt: number }[])[0]?.urlEndsAt;
    };
    const store = (inner: Store): Store => ({
      ...inner,
      uploads: watch('uploads', inner.uploads, [{ after: committed }]),
    });
    await using w = await lifeWorld({}, { store });
    const slot = await w.issue();
    w.h.clock.now += HOUR / 2;
    const { body } = await w.parts(slot, [1]);
    assert.ok(Date.parse(body.parts[0].expiresAt) > w.h.clock.now);
    assert.ok(atCommit !== undefined && atCommit >= Date.parse(body.parts[0].expiresAt));
    assert.equal((await w.stored(slot)).urlEndsAt, atCommit);
    const first = atCommit;
    w.h.clock.now += HOUR / 4;
    await w.parts(slot, [2]);
    assert.ok((await w.stored(slot)).urlEndsAt > first);
  });

  it('a store that fails gives 503 and no URL', async () => {
    let broken = '';
    const before = (call: string) => {
      if (call === broken) throw new Error('disk');
    };
    const store = (inner: Store): Store => ({
      ...inner,
      uploads: watch('uploads', inner.uploads, [{ before }]),
    });
    await using w = await lifeWorld({}, { store });
    const slot = await w.issue();
    for (broken of ['uploads.update', 'uploads.extend']) {
      const { status, text } = await w.parts(slot);
      assert.equal(status, 500, text);
      assert.ok(!text.includes('X-Amz-Signature') && !text.includes('customer-key'), text);
    }
  });

  it('another principal gets 403, an expired slot and one by PUT 409, a part too many 400', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    const stranger = await w.parts(slot, [1], await w.h.token('acme', SCOPES, 'stranger'));
    assert.deepEqual([stranger.status, stranger.body.code], [403, 'not_slot_owner']);
    const foreign = await w.parts(slot, [1], await w.h.token('globex'));
    assert.equal(foreign.status, 404);
    const tooMany = await w.parts(slot, [3, 4]);
    assert.deepEqual([tooMany.status, tooMany.body.errors[0].path], [400, '/partNumbers/1']);
    assert.equal(
      (await w.parts(await w.issue({ contentType: 'a/b', size: 5 }), [1])).body.code,
      'state_conflict',
    );
    w.h.clock.now += HOUR;
    const expired = await w.parts(slot);
    assert.deepEqual([expired.status, expired.body.state], [409, 'expired']);
    assert.equal(w.s3.calls.get('beginMultipart'), undefined);
    for (const { text } of [stranger, foreign, expired]) assert.ok(!text.includes(KEY_HEADER));
  });

  it('are listed as S3 has them; none before the first, restart_needed once S3 has no such upload', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    const list = () => w.h.call('GET', `/v1/uploads/${String(slot.id)}/parts`, { token: w.token });
    assert.deepEqual((await list()).body, { parts: [] });
    await w.sendAll(slot, { 2: 9 });
    const sizes = ((await list()).body.parts as Part[]).map(({ partNumber, size }) => [partNumber, size]);
    assert.deepEqual(sizes, [
      [1, PART],
      [2, 9],
      [3, 7],
    ]);
    w.s3.forget(slot.objectKey, (await w.stored(slot)).multipartUploadId ?? '');
    assert.equal((await list()).body.code, 'restart_needed');
  });

  it('of a slot whose key is destroyed are listed no more', async () => {
    await using w = await lifeWorld();
    const slot = await w.issue();
    await w.parts(slot);
    for (const days of [0, 2, 40]) {
      w.h.clock.now += HOUR + days * 24 * HOUR;
      await w.h.jobs.runOnce();
    }
    assert.equal(await w.hasKey(slot), false);
    const list = await w.h.call('GET', `/v1/uploads/${String(slot.id)}/parts`, { token: w.token });
    assert.deepEqual([list.status, list.body.code], [409, 'state_conflict']);
  });
});
