import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { ObjectRefused } from '../../../src/s3/errors.ts';
import type { OpenedObject } from '../../../src/s3/port.ts';
import { type Answer, error, KEY, targetOn, unavailable, xml } from './answering.ts';

const OBJECT = { bucket: 'b', objectKey: 'a b/ü+', versionId: 'v/1', etag: '"e"' };
const GET = { method: 'GET' } as const;
const HEAD = { method: 'HEAD' } as const;
const never = new AbortController().signal;

const head =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_seen, response) =>
    void response.writeHead(status, headers).end();

/** The head of a right answer to GET, and so much of its body. */
const begun =
  (body: string, use?: (response: ServerResponse) => unknown): Answer =>
  (_seen, response) => {
    response.writeHead(200, { 'content-length': '10', etag: '"e"' });
    response.flushHeaders();
    if (body !== '') response.write(body);
    use?.(response);
  };

const refusedAs = (status: number) => (thrown: unknown) =>
  thrown instanceof ObjectRefused && thrown.status === status;

function bodyOf(opened: OpenedObject): AsyncIterable<Uint8Array> {
  assert.ok('body' in opened && opened.body !== undefined);
  return opened.body;
}

describe('opening an object', () => {
  it('asks for this version and this ETag, with the headers as they came', async () => {
    const { target, seen } = await targetOn(head(304));
    const ask = { range: 'bytes=5-', ifNoneMatch: '"x", W/"y"' };
    for (const method of ['GET', 'HEAD'] as const) {
      await target.content.open(OBJECT, KEY, { method, ...ask }, never);
    }
    await target.content.open({ ...OBJECT, versionId: null, etag: null }, KEY, GET, never);
    const [get, headOf, bare] = seen;
    assert.ok(get && headOf && bare);
    assert.match(get.line, /^GET \/b\/a%20b\/%C3%BC%2B\?(.*&)?versionId=v%2F1/);
    assert.match(headOf.line, /^HEAD \/b\/a%20b\/%C3%BC%2B\?versionId=v%2F1/);
    for (const one of [get, headOf]) {
      assert.equal(one.headers.range, 'bytes=5-');
      assert.equal(one.headers['if-none-match'], '"x", W/"y"');
      assert.equal(one.headers['if-match'], '"e"');
      for (const [name, value] of Object.entries(KEY.headers())) assert.equal(one.headers[name], value);
    }
    assert.ok(!bare.line.includes('versionId'));
    for (const name of ['range', 'if-none-match', 'if-match']) assert.equal(bare.headers[name], undefined);
  });

  it('leaves out what S3 could not read, or not check the signature of', async () => {
    const { target, seen } = await targetOn(head(304));
    for (const value of ['', 'bytes=0-é', `"${'x'.repeat(9_000)}"`]) {
      await target.content.open(OBJECT, KEY, { ...GET, range: value, ifNoneMatch: value }, never);
    }
    assert.equal(seen.length, 3);
    for (const { headers } of seen) {
      assert.equal(headers.range, undefined);
      assert.equal(headers['if-none-match'], undefined);
    }
  });

  it('says what S3 says of the body', async () => {
    const modified = 'Wed, 21 Oct 2015 07:28:00 GMT';
    const { target } = await targetOn((seen, response) => {
      const range = { 'content-range': 'bytes 5-7/8', 'last-modified': modified };
      response.writeHead(206, { 'content-length': '3', etag: '"e"', ...range });
      response.end(seen.line.startsWith('GET') ? 'abc' : '');
    });
    const said = { status: 206, size: 3, contentRange: 'bytes 5-7/8', etag: '"e"' };
    const modifiedAt = Date.parse(modified);
    const got = await target.content.open(OBJECT, KEY, { ...GET, range: 'bytes=5-' }, never);
    const chunks = await Array.fromAsync(bodyOf(got));
    assert.equal(Buffer.concat(chunks).toString(), 'abc');
    assert.deepEqual({ ...got, body: undefined }, { ...said, modifiedAt, body: undefined });
    const headed = await target.content.open(OBJECT, KEY, { ...HEAD, range: 'bytes=5-' }, never);
    assert.deepEqual(headed, { ...said, modifiedAt, body: undefined });
  });

  for (const ask of [GET, HEAD]) {
    it(`says 304 and 416 as S3 does: ${ask.method}`, async () => {
      for (const [answer, expected] of [
        [head(304, { etag: '"e"' }), { status: 304, etag: '"e"' }],
        [head(304), { status: 304, etag: null }],
        [head(416, { 'content-range': 'bytes */8' }), { status: 416, contentRange: 'bytes */8' }],
        [head(416), { status: 416, contentRange: null }],
      ] as const) {
        const { target } = await targetOn(answer);
        assert.deepEqual(await target.content.open(OBJECT, KEY, ask, never), expected);
      }
    });

    it(`refuses another object than was meant: ${ask.method}`, async () => {
      for (const answer of [
        head(412),
        head(200, { 'content-length': '0', etag: '"f"' }),
        head(304, { etag: '"f"' }),
      ]) {
        const { target } = await targetOn(answer);
        await assert.rejects(target.content.open(OBJECT, KEY, ask, never), refusedAs(412));
      }
      for (const status of [400, 403, 404]) {
        const { target } = await targetOn(head(status));
        await assert.rejects(target.content.open(OBJECT, KEY, ask, never), refusedAs(status));
      }
    });

    it(`does not believe half an answer: ${ask.method}`, async () => {
      for (const answer of [
        head(206, { 'content-length': '0', etag: '"e"' }),
        head(200, { 'transfer-encoding': 'chunked', etag: '"e"' }),
        head(204),
        head(203, { 'content-length': '0', etag: '"e"' }),
        ((_seen, response) => void xml(response, error('SlowDown'), 503)) satisfies Answer,
        ((_seen, response) => void response.destroy()) satisfies Answer,
      ]) {
        const { target } = await targetOn(answer);
        await unavailable(target.content.open(OBJECT, KEY, ask, never));
      }
    });
  }

  it('does not care for the quotes of an ETag', async () => {
    const { target } = await targetOn(head(304, { etag: '"e"' }));
    const opened = await target.content.open({ ...OBJECT, etag: 'e' }, KEY, GET, never);
    assert.equal(opened.status, 304);
  });
});

describe('the body of an opened object', () => {
  it('fails when it ends early', async () => {
    const cut = (response: ServerResponse) => setImmediate(() => response.destroy());
    const { target } = await targetOn(begun('01234', cut));
    const opened = await target.content.open(OBJECT, KEY, GET, never);
    await unavailable(Array.fromAsync(bodyOf(opened)));
  });

  for (const [way, leave] of [
    ['is left before it was begun', async (body) => body[Symbol.asyncIterator]().return?.()],
    [
      'is left between',
      async (body) => {
        for await (const chunk of body) {
          assert.equal(chunk.length, 5);
          return;
        }
      },
    ],
    [
      'is left while S3 is silent',
      async (body) => {
        const stream = Readable.from(body, { objectMode: false });
        await once(stream, 'readable');
        stream.read();
        stream.destroy();
      },
    ],
    ['is stopped before it was begun', async (_body, stop) => stop.abort(new Error('told to stop'))],
    [
      'is stopped while S3 is silent',
      async (body, stop) => {
        const reason = new Error('told to stop');
        const chunks = body[Symbol.asyncIterator]();
        await chunks.next();
        const waiting = assert.rejects(chunks.next(), (thrown) => thrown === reason);
        stop.abort(reason);
        await waiting;
      },
    ],
  ] satisfies [string, (body: AsyncIterable<Uint8Array>, stop: AbortController) => Promise<unknown>][]) {
    it(`closes its connection when it ${way}`, { timeout: 5_000 }, async () => {
      const closed = Promise.withResolvers<unknown>();
      const { target } = await targetOn(
        begun('01234', (response) => response.on('close', () => closed.resolve(undefined))),
      );
      const stop = new AbortController();
      const opened = await target.content.open(OBJECT, KEY, GET, stop.signal);
      await leave(bodyOf(opened), stop);
      await closed.promise;
    });
  }

  it('is not kept open when it is of another object', { timeout: 5_000 }, async () => {
    const closed = Promise.withResolvers<unknown>();
    const { target } = await targetOn(
      begun('01234', (response) => response.on('close', () => closed.resolve(undefined))),
    );
    const opening = target.content.open({ ...OBJECT, etag: '"f"' }, KEY, GET, never);
    await assert.rejects(opening, refusedAs(412));
    await closed.promise;
  });

  it('that is read slowly keeps no socket from others', { timeout: 10_000 }, async () => {
    const { target } = await targetOn((seen, response) => {
      if (seen.line.startsWith('HEAD')) head(404)(seen, response);
      else begun('0')(seen, response);
    });
    const opened = await Promise.all(
      Array.from({ length: 200 }, () => target.content.open(OBJECT, KEY, GET, never)),
    );
    const others = [target.objects.head('b', 'k', KEY), target.content.read(OBJECT, KEY, never)];
    await Promise.all(others);
    for (const one of opened) await bodyOf(one)[Symbol.asyncIterator]().return?.();
  });
});
