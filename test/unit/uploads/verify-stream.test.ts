import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Json } from '../../support/harness.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { PART, PARTED, lifeWorld, type LifeWorld } from './life-world.ts';

const bytes = Buffer.alloc(PARTED.size, 'slot');
const sha256 = createHash('sha256').update(bytes).digest('base64');

/** A multipart upload whose SHA-256 was announced, all of its parts sent. */
async function sent(w: LifeWorld, content = bytes): Promise<Json> {
  const slot = await w.issue({ ...PARTED, sha256 });
  const { body } = await w.parts(slot);
  const uploadId = new URL(body.parts[0].url).searchParams.get('uploadId') ?? '';
  for (const partNumber of [1, 2, 3]) {
    const part = content.subarray((partNumber - 1) * PART, partNumber * PART);
    w.s3.putPart(uploadId, { partNumber, bytes: part });
  }
  return slot;
}

describe('verify: stream', () => {
  it('the object is read once and compared: uploaded', async () => {
    await using w = await lifeWorld({ verify: 'stream' });
    const slot = await sent(w);
    const { status, body } = await w.complete(slot);
    assert.deepEqual([status, body.state, body.sha256], [200, 'uploaded', sha256]);
    assert.equal(w.s3.calls.get('open'), 1);
    await w.complete(slot);
    assert.equal(w.s3.calls.get('open'), 1, 'and never again');
  });

  it('other bytes of the same size: rejected, with both hashes', async () => {
    await using w = await lifeWorld({ verify: 'stream' });
    const other = Buffer.from(bytes);
    other[PART + 1] = 0;
    const slot = await sent(w, other);
    const actual = createHash('sha256').update(other).digest('base64');
    const { status, body } = await w.complete(slot);
    assert.equal(status, 422);
    assert.deepEqual(body.mismatches, [{ field: 'sha256', expected: sha256, actual }]);
  });

  it('S3 cuts the body short, says no, or answers nothing: 503, and the slot is not rejected', async () => {
    await using w = await lifeWorld({ verify: 'stream' });
    const slot = await sent(w);
    const { content } = w.h.services.targets.get('main') ?? assert.fail();
    const open = content.open.bind(content);
    const cut = async function* () {
      yield bytes.subarray(0, PART);
      throw new DependencyUnavailable('s3', undefined);
    };
    const whole = {
      status: 200,
      size: bytes.length,
      contentRange: null,
      etag: null,
      modifiedAt: null,
    } as const;
    for (const answer of [
      async () => ({ ...whole, body: cut() }),
      async () => ({ ...whole, body: undefined }),
      async () => ({ status: 416, contentRange: null }) as const,
      async () => Promise.reject(new DependencyUnavailable('s3', undefined)),
    ]) {
      Object.assign(content, { open: answer });
      assert.equal((await w.complete(slot)).status, 503);
      assert.equal((await w.stored(slot)).state, 'issued');
    }
    Object.assign(content, { open });
    assert.equal((await w.complete(slot)).body.state, 'uploaded');
    assert.deepEqual(await w.told(slot), ['upload.uploaded']);
  });

  it('without it, a SHA-256 for multipart is refused: nobody would compare it', async () => {
    await using w = await lifeWorld();
    const { status, body } = await w.h.call('POST', '/v1/uploads', {
      token: w.token,
      body: { ...PARTED, sha256 },
    });
    assert.deepEqual([status, body.errors[0].path], [422, '/sha256']);
  });
});
