import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import type { ObjectContent, OpenedObject, S3Target } from '../../../src/s3/port.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness } from '../../support/harness.ts';
import { uploaded } from './asking.ts';

const MIB = 1024 ** 2;
const SIZE = 64 * MIB;

/** A server on a socket whose S3 answers by `body`, and one GET of its content. */
async function world(body: (signal: AbortSignal) => AsyncIterable<Uint8Array>) {
  const s3 = new FakeObjectStore();
  const target = fakeTarget(s3);
  const asked = Promise.withResolvers<AbortSignal>();
  const open: ObjectContent['open'] = async (_object, _key, _ask, signal) => {
    asked.resolve(signal);
    const opened: OpenedObject = {
      status: 200,
      size: SIZE,
      contentRange: null,
      etag: '"etag"',
      modifiedAt: null,
      body: body(signal),
    };
    return opened;
  };
  const slow: S3Target = { ...target, content: { ...target.content, open } };
  const h = await makeHarness({ target: slow });
  const token = await h.token();
  const { id } = (await uploaded(h, s3, token, Buffer.from('x'))) as { id: string };
  const url = `${await h.app.listen({ port: 0, host: '127.0.0.1' })}/v1/uploads/${id}/content`;
  const request = get(url, { headers: { authorization: `Bearer ${token}` }, agent: false });
  return { h, request, asked: asked.promise };
}

async function answerOf(request: ReturnType<typeof get>): Promise<IncomingMessage> {
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return answer;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

describe('content on a socket', () => {
  it('a client that goes away aborts the signal that S3 was asked with, and the body is left', async () => {
    const left = Promise.withResolvers<undefined>();
    const { h, request, asked } = await world(async function* () {
      try {
        for (;;) yield new Uint8Array(MIB);
      } finally {
        left.resolve(undefined);
      }
    });
    await using _ = h;
    const signal = await asked;
    await answerOf(request);
    assert.equal(signal.aborted, false);
    request.destroy();
    await aborted(signal);
    await left.promise;
  });

  it('a client that goes away before S3 has answered aborts it too', async () => {
    const s3 = new FakeObjectStore();
    const target = fakeTarget(s3);
    const asked = Promise.withResolvers<AbortSignal>();
    const open: ObjectContent['open'] = (_object, _key, _ask, signal) => {
      asked.resolve(signal);
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    };
    await using waiting = await makeHarness({ target: { ...target, content: { ...target.content, open } } });
    const token = await waiting.token();
    const { id } = (await uploaded(waiting, s3, token, Buffer.from('x'))) as { id: string };
    const url = `${await waiting.app.listen({ port: 0, host: '127.0.0.1' })}/v1/uploads/${id}/content`;
    const request = get(url, { headers: { authorization: `Bearer ${token}` }, agent: false });
    const gone = once(request, 'error');
    const signal = await asked.promise;
    request.destroy(new Error('gone'));
    await gone;
    await aborted(signal);
  });

  it('is read no faster than the client reads', async () => {
    let sent = 0;
    const { h, request } = await world(async function* () {
      for (; sent < SIZE; sent += MIB) yield new Uint8Array(MIB);
    });
    await using _ = h;
    const answer = await answerOf(request);
    // Nobody reads: what is sent stops growing when every buffer on the way is full.
    let before = -1;
    while (sent !== before) {
      before = sent;
      for (let turn = 0; turn < 1000; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(sent < SIZE / 2, `${sent} bytes are on the way`);
    let received = 0;
    for await (const chunk of answer) received += (chunk as Buffer).length;
    assert.deepEqual([received, sent], [SIZE, SIZE]);
  });

  it('whose source fails midway is cut off, not ended: nobody takes it for the whole', async () => {
    const { h, request } = await world(async function* () {
      yield new Uint8Array(MIB);
      throw new Error('the connection to S3 broke');
    });
    await using _ = h;
    const answer = await answerOf(request);
    assert.equal(answer.headers['content-length'], String(SIZE));
    await assert.rejects(async () => {
      for await (const _chunk of answer);
    }, /aborted/);
    assert.equal(answer.complete, false);
  });
});
