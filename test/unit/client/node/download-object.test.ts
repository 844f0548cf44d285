import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ContentDiffers, S3Refusal } from '../../../../src/client/errors.ts';
import { downloadObject } from '../../../../src/client/node/download-object.ts';
import { refuse, startStub, type Stub } from './stub.ts';

const BODY = randomBytes(300_000);

describe('downloadObject', () => {
  let stub: Stub;
  beforeEach(async () => {
    stub = await startStub();
    stub.script['POST /download'] = [{ status: 200, body: stub.signed('GET') }];
  });
  afterEach(() => stub[Symbol.asyncDispose]());

  /** Sends from `from` on, and breaks off at `to`. */
  const serve =
    (from: number, to = BODY.length): Stub['s3'][number] =>
    (_request, response) => {
      response.writeHead(from === 0 ? 200 : 206, {
        'content-length': BODY.length - from,
        'content-disposition': "attachment; filename*=UTF-8''a%20b.bin",
        ...(from > 0 && { 'content-range': `bytes ${from}-${BODY.length - 1}/${BODY.length}` }),
      });
      response.write(BODY.subarray(from, to), () => {
        if (to < BODY.length) response.destroy();
      });
      if (to === BODY.length) response.end();
    };
  const download = async () => {
    const chunks: Buffer[] = [];
    const begun: unknown[] = [];
    const done = await downloadObject(stub.client, 'id', {
      onBegin: (facts) => void begun.push(facts),
      write: async (chunk) => void chunks.push(chunk),
    });
    assert.deepEqual(begun, [{ size: BODY.length, filename: 'a b.bin' }]);
    assert.ok(Buffer.concat(chunks).equals(BODY));
    return done;
  };
  const sha256 = createHash('sha256').update(BODY).digest('base64');

  it('hands on every byte once, and their hash', async () => {
    stub.s3.push(serve(0));
    assert.deepEqual(await download(), { size: BODY.length, sha256 });
  });

  it('goes on after a cut where it stood, however often, as long as it goes forward', async () => {
    const cuts = Array.from({ length: 9 }, (_, i) => (i + 1) * 20_000);
    [0, ...cuts].forEach((from, i) => stub.s3.push(serve(from, cuts[i])));
    assert.deepEqual(await download(), { size: BODY.length, sha256 });
    assert.equal(stub.calls.filter((call) => call === 'POST /download').length, 10);
  });

  it('asks once more after a 403, and gives up after the second', async () => {
    stub.s3.push(refuse(403, 'AccessDenied'), serve(0));
    assert.deepEqual(await download(), { size: BODY.length, sha256 });
    stub.s3.splice(0, 1, refuse(403, 'AccessDenied'));
    await assert.rejects(download(), (error) => error instanceof S3Refusal && error.status === 403);
  });

  it('refuses another range than the one asked for', async () => {
    stub.s3.push(serve(0, 20_000), (_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 0-9/300000' }).end('0123456789');
    });
    await assert.rejects(download(), ContentDiffers);
    stub.s3.splice(0, 1, serve(0, 20_000), serve(0));
    await assert.rejects(download(), (error) => error instanceof S3Refusal && error.status === 200);
  });

  it('refuses to go on with an object that was overwritten, by its etag or its size', async () => {
    const answer =
      (status: number, headers: Record<string, string>): Stub['s3'][number] =>
      (_request, response) => {
        response.writeHead(status, headers);
        response.write(status === 200 ? '01234' : '56789', () => response.destroy());
      };
    const first = answer(200, { 'content-length': '10', etag: '"one"' });
    for (const other of [
      { etag: '"two"', 'content-range': 'bytes 5-9/10' },
      { 'content-range': 'bytes 5-9/10' },
      { etag: '"one"', 'content-range': 'bytes 5-9/11' },
    ]) {
      stub.s3.splice(0, Infinity, first, answer(206, { 'content-length': '5', ...other }));
      const written: string[] = [];
      const write = async (chunk: Buffer) => void written.push(chunk.toString());
      await assert.rejects(downloadObject(stub.client, 'id', { write }), ContentDiffers);
      assert.deepEqual(written, ['01234']);
    }
  });

  it('writes no byte beyond the announced size, and begins nothing without one', async () => {
    const written: Buffer[] = [];
    const write = async (chunk: Buffer) => void written.push(chunk);
    stub.s3.push(serve(0, 20_000), (_request, response) => {
      response.writeHead(206, { 'content-range': `bytes 20000-${BODY.length - 1}/${BODY.length}` });
      response.end(Buffer.alloc(BODY.length));
    });
    await assert.rejects(downloadObject(stub.client, 'id', { write }), ContentDiffers);
    assert.ok(Buffer.concat(written).length <= BODY.length);
    stub.s3.splice(0, Infinity, (_request, response) => void response.writeHead(200).end('endless'));
    const onBegin = () => assert.fail('begun');
    await assert.rejects(downloadObject(stub.client, 'id', { write, onBegin }), ContentDiffers);
  });

  it('ends with what the writer throws, without another try', async () => {
    stub.s3.push(serve(0));
    const full = new Error('the disk is full');
    const write = () => Promise.reject(full);
    await assert.rejects(downloadObject(stub.client, 'id', { write }), full);
    assert.deepEqual(stub.calls, ['POST /download', 'GET']);
  });
});
