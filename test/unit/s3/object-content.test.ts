import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { inspect } from 'node:util';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { ObjectRefused } from '../../../src/s3/errors.ts';
import { partsOf } from '../../../src/s3/adapters/content-clients.ts';
import { type Answer, error, KEY, KEY_TEXT, targetOn, unavailable, xml } from './answering.ts';

const TO = CustomerKey.fromBytes(new Uint8Array(32).fill(9));
const KEYS = { from: KEY, to: TO };
const FROM = { bucket: 'b', objectKey: 'a b/ü+', versionId: 'v/1', size: 10, etag: '"e"' };
const HEADERS = { contentType: 'text/plain', metadata: { a: '1' }, tags: { 'k 1': 'a+b&c' } };
const LIMITS = { largestCopy: 5, copyPart: 4, largestPut: 5, streamPart: 4 };
const never = new AbortController().signal;

const SSE = 'x-amz-server-side-encryption-customer-';
const named = (key: CustomerKey) => ({ [`${SSE}algorithm`]: 'AES256', [`${SSE}key-md5`]: key.md5() });

const COPIED = '<CopyObjectResult><ETag>"n"</ETag></CopyObjectResult>';
const PART_COPIED = '<CopyPartResult><ETag>"p"</ETag></CopyPartResult>';
const BEGUN = '<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>';
const COMPLETED = '<CompleteMultipartUploadResult><ETag>"n-3"</ETag></CompleteMultipartUploadResult>';

/** An S3 that does all right; `other` may answer in its place. */
function s3(other: Answer = () => undefined): Answer {
  return (seen, response) => {
    other(seen, response);
    if (response.headersSent || response.destroyed) return;
    const md5 = seen.headers[`${SSE}key-md5`];
    const key = md5 === KEY.md5() ? KEY : TO;
    if (seen.line.startsWith('HEAD')) {
      response
        .writeHead(200, { 'content-length': '10', etag: key === KEY ? '"e"' : '"n"', ...named(key) })
        .end();
    } else if (seen.line.startsWith('DELETE')) response.writeHead(204).end();
    else if (seen.line.includes('?uploads')) xml(response, BEGUN);
    else if (seen.line.includes('partNumber')) xml(response, PART_COPIED);
    else if (seen.line.startsWith('POST')) xml(response, COMPLETED);
    else xml(response, COPIED);
  };
}

const on =
  (begins: string, answer: Answer): Answer =>
  (seen, response) => {
    if (seen.line.startsWith(begins)) answer(seen, response);
  };

describe('a copy', () => {
  it('names its version, its ETag, both keys, and replaces metadata and tags', async () => {
    const { target, seen } = await targetOn(s3());
    const written = await target.content.copy(FROM, KEYS, HEADERS, never);
    assert.deepEqual(written, { kind: 'written', etag: '"n"', versionId: null });
    const [before, copy, after] = seen;
    assert.match(before!.line, /^HEAD \/b\/a%20b\/%C3%BC%2B\?versionId=v%2F1/);
    assert.match(after!.line, /^HEAD/);
    assert.equal(after!.headers[`${SSE}key-md5`], TO.md5());
    const { headers } = copy!;
    assert.equal(headers['x-amz-copy-source'], 'b/a%20b/%C3%BC%2B?versionId=v%2F1');
    assert.equal(headers['x-amz-copy-source-if-match'], '"e"');
    assert.equal(headers['x-amz-metadata-directive'], 'REPLACE');
    assert.equal(headers['x-amz-tagging-directive'], 'REPLACE');
    assert.equal(headers['x-amz-tagging'], 'k%201=a%2Bb%26c');
    assert.equal(headers['x-amz-checksum-algorithm'], 'SHA256');
    assert.equal(headers['content-type'], 'text/plain');
    assert.equal(headers['x-amz-meta-a'], '1');
    for (const [name, value] of Object.entries(TO.headers())) assert.equal(headers[name], value);
    for (const [name, value] of Object.entries(KEY.headers())) {
      assert.equal(headers[name.replace('x-amz-', 'x-amz-copy-source-')], value);
    }
  });

  it('keeps what new metadata would lose', async () => {
    const { target, seen } = await targetOn(
      s3((one, response) => {
        if (!one.line.startsWith('HEAD') || one.headers[`${SSE}key-md5`] !== KEY.md5()) return;
        const kept = { 'content-encoding': 'gzip', 'cache-control': 'no-store' };
        response.writeHead(200, { 'content-length': '10', etag: '"e"', ...kept, ...named(KEY) }).end();
      }),
    );
    await target.content.copy(FROM, KEYS, HEADERS, never);
    assert.equal(seen[1]!.headers['content-encoding'], 'gzip');
    assert.equal(seen[1]!.headers['cache-control'], 'no-store');
  });

  for (const [what, other] of [
    ['an error in a 200', on('PUT', (_seen, response) => xml(response, error('InternalError')))],
    ['an error and a line break in a 200', on('PUT', (_seen, response) => xml(response, `${error('X')}\n`))],
    ['an empty 200', on('PUT', (_seen, response) => response.writeHead(200).end())],
    ['no answer', on('PUT', (_seen, response) => response.destroy())],
    ['503', on('PUT', (_seen, response) => xml(response, error('SlowDown'), 503))],
    ['a time that is off', on('PUT', (_seen, response) => xml(response, error('RequestTimeTooSkewed'), 403))],
  ] satisfies [string, Answer][]) {
    it(`is asked for once, and has not gone well by ${what}`, async () => {
      const { target, seen } = await targetOn(s3(other));
      await unavailable(target.content.copy(FROM, KEYS, HEADERS, never));
      assert.equal(seen.filter(({ line }) => line.startsWith('PUT')).length, 1);
    });
  }

  for (const [what, headers] of [
    ['no key', {}],
    ['another key', named(KEY)],
    ['another size', { ...named(TO), 'content-length': '9' }],
  ] as const) {
    it(`is not believed when S3 then names ${what}`, async () => {
      const { target } = await targetOn(
        s3((seen, response) => {
          if (!seen.line.startsWith('HEAD') || seen.headers[`${SSE}key-md5`] !== TO.md5()) return;
          response.writeHead(200, { 'content-length': '10', etag: '"n"', ...headers }).end();
        }),
      );
      await unavailable(target.content.copy(FROM, KEYS, HEADERS, never));
    });
  }

  it('says what a server does not have, and what it refuses', async () => {
    const not = await targetOn(
      s3(on('PUT', (_seen, response) => xml(response, error('NotImplemented'), 501))),
    );
    const answer = await not.target.content.copy(FROM, KEYS, HEADERS, never);
    assert.deepEqual(answer, { kind: 'unsupported', code: 'NotImplemented' });
    for (const [status, code] of [
      [400, 'InvalidRequest'],
      [403, 'AccessDenied'],
      [412, 'PreconditionFailed'],
    ] as const) {
      const { target } = await targetOn(
        s3(on('PUT', (_seen, response) => xml(response, error(code), status))),
      );
      await assert.rejects(target.content.copy(FROM, KEYS, HEADERS, never), (thrown) => {
        assert.ok(!inspect(thrown, { depth: 20, showHidden: true }).includes(KEY_TEXT));
        return thrown instanceof ObjectRefused && thrown.status === status && thrown.s3Code === code;
      });
    }
  });

  it('of another object than was meant is not begun', async () => {
    const { target, seen } = await targetOn(s3());
    for (const change of [{ size: 11 }, { etag: '"f"' }]) {
      await assert.rejects(target.content.copy({ ...FROM, ...change }, KEYS, HEADERS, never), ObjectRefused);
    }
    assert.ok(seen.every(({ line }) => line.startsWith('HEAD')));
  });
});

describe('a copy by parts', () => {
  it('copies every range from this version, and completes with the key', async () => {
    const { target, seen } = await targetOn(s3(), LIMITS);
    await target.content.copy(FROM, KEYS, HEADERS, never);
    const parts = seen.filter(({ line }) => line.includes('partNumber'));
    const ranges = parts.map(({ headers }) => headers['x-amz-copy-source-range']).toSorted();
    assert.deepEqual(ranges, ['bytes=0-3', 'bytes=4-7', 'bytes=8-9']);
    for (const { headers } of parts) {
      assert.equal(headers['x-amz-copy-source'], 'b/a%20b/%C3%BC%2B?versionId=v%2F1');
      assert.equal(headers['x-amz-copy-source-if-match'], '"e"');
      assert.equal(headers[`${SSE}key-md5`], TO.md5());
    }
    const begun = seen.find(({ line }) => line.includes('?uploads'))!;
    assert.equal(begun.headers['x-amz-tagging'], 'k%201=a%2Bb%26c');
    const completed = seen.find(({ line }) => line.startsWith('POST') && line.includes('uploadId'))!;
    assert.equal(completed.headers[`${SSE}key-md5`], TO.md5());
  });

  for (const [what, other, code] of [
    ['a part that is refused', on('PUT', (_s, r) => xml(r, error('AccessDenied'), 403)), 'object_refused'],
    ['a part with an error in a 200', on('PUT', (_s, r) => xml(r, error('X'))), 'dependency_unavailable'],
    [
      'an end with an error in a 200',
      (seen, r) => seen.line.includes('POST') && seen.line.includes('uploadId') && xml(r, error('X')),
      'dependency_unavailable',
    ],
  ] satisfies [string, Answer, string][]) {
    it(`is thrown away after ${what}`, async () => {
      const { target, seen } = await targetOn(s3(other), LIMITS);
      await assert.rejects(target.content.copy(FROM, KEYS, HEADERS, never), { code });
      assert.equal(seen.filter(({ line }) => /^DELETE .*uploadId=u1/.test(line)).length, 1);
    });
  }

  it('has at most 10,000 parts, which end with the object', () => {
    for (const size of [1, 4, 5, 10_000 * 4, 10_000 * 4 + 1, 5 * 1024 ** 4]) {
      const parts = partsOf(size, 4);
      assert.ok(parts.length <= 10_000);
      assert.equal(parts.at(-1)!.last, size - 1);
      assert.ok(
        parts.every(({ first, last }, i) => last >= first && first === (parts[i - 1]?.last ?? -1) + 1),
      );
    }
  });
});

describe('reading', () => {
  const body = (write: (response: Parameters<Answer>[1]) => unknown): Answer =>
    on('GET', (_seen, response) => {
      response.writeHead(200, { 'content-length': '10' });
      write(response);
    });

  async function readAll(answer: Answer, signal = never): Promise<string> {
    const { target } = await targetOn(answer);
    const chunks: Uint8Array[] = [];
    for await (const chunk of await target.content.read(FROM, KEY, signal)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  it('hands on what comes', async () => {
    assert.equal(await readAll(body((response) => response.end('0123456789'))), '0123456789');
  });

  it('does not take half a body for a whole', async () => {
    await unavailable(readAll(body((response) => response.write('01234', () => response.destroy()))));
  });

  it('ends when nothing comes for 30 s', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { target } = await targetOn(body((response) => response.write('0')));
      const chunks = (await target.content.read(FROM, KEY, never))[Symbol.asyncIterator]();
      await chunks.next();
      const stalled = unavailable(chunks.next());
      mock.timers.tick(30_000);
      await stalled;
    } finally {
      mock.timers.reset();
    }
  });

  it('closes its connection when it is stopped, or left early', async () => {
    for (const way of ['stop', 'leave'] as const) {
      const closed = Promise.withResolvers<unknown>();
      const { target } = await targetOn(
        body((response) => {
          response.on('close', () => closed.resolve(undefined));
          response.write('0');
        }),
      );
      const stop = new AbortController();
      const reason = new Error('told to stop');
      const read = async () => {
        for await (const chunk of await target.content.read(FROM, KEY, stop.signal)) {
          assert.equal(chunk.length, 1);
          if (way === 'leave') break;
          stop.abort(reason);
        }
      };
      if (way === 'leave') await read();
      else await assert.rejects(read(), (thrown) => thrown === reason);
      await closed.promise;
    }
  });
});
