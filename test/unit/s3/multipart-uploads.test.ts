import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { Completion, ListedPart, S3Target } from '../../../src/s3/port.ts';
import { type Answer, error, KEY, listOfParts, part, partsOf, status, targetOn } from './answering.ts';
import { unavailable, xml } from './answering.ts';

const PLACE = { bucket: 'b', objectKey: 'k' };
const UPLOAD = { ...PLACE, uploadId: 'u1' };
const HEADERS = { contentType: 'image/png', metadata: { invoice: '7' }, tags: { 'a b': 'c+d' } };
const SSE = 'x-amz-server-side-encryption-customer-';
const BEGUN = '<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>';
const COMPLETED = '<CompleteMultipartUploadResult><ETag>"n-2"</ETag></CompleteMultipartUploadResult>';
const PARTS: readonly ListedPart[] = [
  { partNumber: 1, size: 10, etag: '"e1"', checksum: { algorithm: 'CRC64NVME', value: 'cDE=' } },
  { partNumber: 2, size: 20, etag: '"e2"' },
];

const says =
  (body: string, code = 200, headers: Record<string, string> = {}): Answer =>
  (_seen, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    xml(response, body, code);
  };

describe('begin', () => {
  const begin = ({ multipart }: S3Target) => multipart.begin(PLACE, KEY, HEADERS, 'CRC64NVME');

  it('sends the key, type, metadata, tags and the checksum of the whole', async () => {
    const { target, seen } = await targetOn(says(BEGUN));
    assert.equal(await begin(target), 'u1');
    const { line, headers } = seen[0]!;
    assert.match(line, /^POST \/b\/k\?uploads/);
    for (const [name, value] of Object.entries(KEY.headers())) assert.equal(headers[name], value);
    assert.equal(headers['content-type'], 'image/png');
    assert.equal(headers['x-amz-meta-invoice'], '7');
    assert.equal(headers['x-amz-tagging'], 'a%20b=c%2Bd');
    assert.equal(headers['x-amz-checksum-algorithm'], 'CRC64NVME');
    assert.equal(headers['x-amz-checksum-type'], 'FULL_OBJECT');
    await target.multipart.begin(PLACE, KEY, HEADERS, undefined);
    assert.deepEqual(
      Object.keys(seen[1]!.headers).filter((name) => name.includes('checksum')),
      [],
    );
  });

  it('takes an answer that names this key', async () => {
    const named = { [`${SSE}algorithm`]: 'AES256', [`${SSE}key-md5`]: KEY.md5() };
    const { target } = await targetOn(says(BEGUN, 200, named));
    assert.equal(await begin(target), 'u1');
  });

  for (const [what, headers] of [
    ['another key', { [`${SSE}algorithm`]: 'AES256', [`${SSE}key-md5`]: 'bm8=' }],
    ['no key, only SSE-C', { [`${SSE}algorithm`]: 'AES256' }],
    ['a key of another cipher', { [`${SSE}algorithm`]: 'ROT13', [`${SSE}key-md5`]: KEY.md5() }],
    ['another checksum', { 'x-amz-checksum-algorithm': 'CRC32C' }],
    ['a checksum of the parts', { 'x-amz-checksum-type': 'COMPOSITE' }],
  ] as const) {
    it(`throws away an upload of which S3 names ${what}`, async () => {
      const { target, seen } = await targetOn((one, response) =>
        one.line.startsWith('POST')
          ? says(BEGUN, 200, headers)(one, response)
          : response.writeHead(204).end(),
      );
      await unavailable(begin(target));
      assert.match(seen[1]!.line, /^DELETE \/b\/k\?uploadId=u1/);
    });
  }

  for (const [what, answer] of [
    ['an empty 200', status(200)],
    ['403', status(403)],
    ['501', says(error('NotImplemented'), 501)],
    ['no answer', (_seen, response) => void response.destroy()],
  ] satisfies [string, Answer][]) {
    it(`has not gone well by ${what}`, async () => {
      await unavailable(begin((await targetOn(answer)).target));
    });
  }
});

describe('parts', () => {
  const listed = async (answer: Answer) => (await targetOn(answer)).target.multipart.parts(UPLOAD, KEY);
  const numbers = async (answer: Answer) => (await listed(answer))?.map(({ partNumber }) => partNumber);

  it('are listed by number with the key, to the last page', async () => {
    const page = (inner: string, next: string) =>
      listOfParts(
        `<IsTruncated>true</IsTruncated><NextPartNumberMarker>${next}</NextPartNumberMarker>${inner}`,
      );
    const sum = '<ChecksumCRC32C>cDI=</ChecksumCRC32C>';
    const { target, seen } = await targetOn((one, response) => {
      if (one.line.includes('part-number-marker=3')) xml(response, partsOf(3, 4));
      else if (one.line.includes('part-number-marker=2')) xml(response, page(part(3), '3'));
      else xml(response, page(part(2, { more: sum }) + part(1), '2'));
    });
    assert.deepEqual(await target.multipart.parts(UPLOAD, KEY), [
      { partNumber: 1, size: 10, etag: '"e1"' },
      { partNumber: 2, size: 20, etag: '"e2"', checksum: { algorithm: 'CRC32C', value: 'cDI=' } },
      { partNumber: 3, size: 30, etag: '"e3"' },
      { partNumber: 4, size: 40, etag: '"e4"' },
    ]);
    assert.equal(seen.length, 3);
    for (const { headers } of seen) assert.equal(headers[`${SSE}key-md5`], KEY.md5());
  });

  it('are the newest of those that a server lists twice', async () => {
    const [old, young] = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'];
    const twice = [part(1, { etag: '"new"', at: young }), part(1, { etag: '"old"', at: old })];
    for (const order of [twice, twice.toReversed()]) {
      const found = await listed(says(listOfParts(order.join(''))));
      assert.deepEqual(found, [{ partNumber: 1, size: 10, etag: '"new"' }]);
    }
    assert.deepEqual(await numbers(says(partsOf(1, 1, 2))), [1, 2]);
  });

  it('leave out the one of which S3 does not say which is the newer', async () => {
    assert.deepEqual(await numbers(says(listOfParts(part(1) + part(1, { etag: '"other"' }) + part(2)))), [2]);
  });

  it('are none of an upload that has none, and unknown of one that is not', async () => {
    assert.deepEqual(await listed(says(partsOf())), []);
    assert.equal(await listed(says(error('NoSuchUpload'), 404)), undefined);
  });

  for (const [what, answer] of [
    ['an empty 200', status(200)],
    ["another upload's list", says(listOfParts(part(1), 'u2'))],
    ["another bucket's list", says(partsOf(1).replace('<Bucket>b<', '<Bucket>c<'))],
    ['a part without an ETag', says(partsOf(1).replace(/<ETag>.*<.ETag>/, ''))],
    ['a list without an end', says(partsOf(1).replace('<Part>', '<IsTruncated>true</IsTruncated><Part>'))],
    ['403', says(error('AccessDenied'), 403)],
    ['404 of the bucket', says(error('NoSuchBucket'), 404)],
    ['500', says(error('InternalError'), 500)],
  ] satisfies [string, Answer][]) {
    it(`are not known from ${what}`, async () => {
      await unavailable(listed(answer));
    });
  }
});

describe('complete', () => {
  const complete = ({ multipart }: S3Target) =>
    multipart.complete(UPLOAD, KEY, PARTS, { algorithm: 'CRC64NVME', value: 'd2hvbGU=' });

  it('sends the key, the precondition, the checksum of the whole and each part as listed', async () => {
    const bodies: Promise<string>[] = [];
    const { target, seen } = await targetOn((_seen, response) => {
      const body = text(response.req);
      bodies.push(body);
      void body.then(() => xml(response, COMPLETED));
    });
    assert.deepEqual(await complete(target), { kind: 'done' });
    const { line, headers } = seen[0]!;
    assert.match(line, /^POST \/b\/k\?uploadId=u1/);
    for (const [name, value] of Object.entries(KEY.headers())) assert.equal(headers[name], value);
    assert.equal(headers['if-none-match'], '*');
    assert.equal(headers['x-amz-checksum-crc64nvme'], 'd2hvbGU=');
    assert.equal(headers['x-amz-checksum-type'], 'FULL_OBJECT');
    const sent = [...(await bodies[0]!).matchAll(/<Part>(.*?)<.Part>/g)].map(([, inner = '']) =>
      Object.fromEntries([...inner.matchAll(/<(\w+)>(.*?)</g)].map(([, name, value]) => [name, value])),
    );
    assert.deepEqual(sent, [
      { PartNumber: '1', ETag: '&quot;e1&quot;', ChecksumCRC64NVME: 'cDE=' },
      { PartNumber: '2', ETag: '&quot;e2&quot;' },
    ]);
    await target.multipart.complete(UPLOAD, KEY, PARTS, undefined);
    assert.deepEqual(
      Object.keys(seen[1]!.headers).filter((name) => name.includes('checksum')),
      [],
    );
  });

  for (const [code, http, expected] of [
    ['NoSuchUpload', 404, { kind: 'gone' }],
    ['PreconditionFailed', 412, { kind: 'exists' }],
    ['ConditionalRequestConflict', 409, { kind: 'conflict' }],
    ['InvalidPart', 400, { kind: 'refused', code: 'InvalidPart' }],
    ['BadDigest', 400, { kind: 'refused', code: 'BadDigest' }],
    ['EntityTooSmall', 400, { kind: 'refused', code: 'EntityTooSmall' }],
    ['XAmzContentChecksumMismatch', 400, { kind: 'refused', code: 'XAmzContentChecksumMismatch' }],
    // AWS begins its answer before it knows.
    ['InvalidPart', 200, { kind: 'refused', code: 'InvalidPart' }],
    ['NoSuchUpload', 200, { kind: 'gone' }],
  ] satisfies [string, number, Completion][]) {
    it(`is ${expected.kind} by ${code} in a ${http}, asked once`, async () => {
      const { target, seen } = await targetOn(says(error(code), http));
      assert.deepEqual(await complete(target), expected);
      assert.equal(seen.length, 1);
    });
  }

  for (const [what, answer] of [
    ['an error in a 200', says(error('InternalError'))],
    ['an empty 200', status(200)],
    ['a 200 that says something else', says('<html></html>')],
    ['404 of the bucket', says(error('NoSuchBucket'), 404)],
    ['a 400 about the transfer', says(error('RequestTimeout'), 400)],
    ['403', says(error('AccessDenied'), 403)],
    ['409 of another request', says(error('OperationAborted'), 409)],
    ['500', says(error('InternalError'), 500)],
    ['501, as it is of a server without the precondition', says(error('NotImplemented'), 501)],
    ['503', says(error('SlowDown'), 503)],
    ['no answer', (_seen, response) => void response.destroy()],
  ] satisfies [string, Answer][]) {
    it(`is unclear by ${what}, and asked once`, async () => {
      const { target, seen } = await targetOn(answer);
      await unavailable(complete(target));
      assert.equal(seen.length, 1);
      assert.equal(seen[0]!.headers['if-none-match'], '*');
    });
  }
});

describe('abort', () => {
  /** An S3 that lists these parts, one list after another, then no such upload. */
  const lists = (...pages: string[]): Answer => {
    const left = pages.values();
    return (seen, response) => {
      if (seen.line.startsWith('DELETE')) return void response.writeHead(204).end();
      const { value = error('NoSuchUpload') } = left.next();
      xml(response, value, value.startsWith('<Error>') ? 404 : 200);
    };
  };
  const aborts = (seen: readonly { line: string }[]) =>
    seen.filter(({ line }) => line.startsWith('DELETE')).length;

  it('goes on until no part is listed', async () => {
    const twice = listOfParts(part(1) + part(1, { etag: '"other"' }));
    for (const [pages, expected] of [
      [[], 1],
      [[partsOf()], 1],
      [[partsOf(2), twice], 3],
    ] as const) {
      const { target, seen } = await targetOn(lists(...pages));
      await target.multipart.abort(UPLOAD);
      assert.equal(aborts(seen), expected);
    }
  });

  it('of an upload that is gone is done', async () => {
    const { target } = await targetOn(says(error('NoSuchUpload'), 404));
    await target.multipart.abort(UPLOAD);
  });

  it('does not go on for ever, and is not done then', async () => {
    const { target, seen } = await targetOn(lists(...Array.from({ length: 100 }, () => partsOf(1))));
    await unavailable(target.multipart.abort(UPLOAD));
    assert.equal(aborts(seen), 5);
  });

  it('is not done when S3 does not say so', async () => {
    for (const line of ['DELETE', 'GET']) {
      for (const answer of [says(error('AccessDenied'), 403), says(error('InternalError'), 500)]) {
        const { target } = await targetOn((one, response) =>
          one.line.startsWith(line) ? answer(one, response) : lists()(one, response),
        );
        await unavailable(target.multipart.abort(UPLOAD));
      }
    }
  });
});
