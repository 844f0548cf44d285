import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ROUTES } from '../../../src/app.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness } from '../../support/harness.ts';

const MIB = 1024 ** 2;
const good = { contentType: 'text/plain', size: 5 };
const parts = { ...good, method: 'multipart' };
const form = { ...good, method: 'POST' };
const CRC32 = '4waSgw==';
const CRC64 = 'rosUhgp5nuo=';
const SHA256 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
const REPLACED = [400, 'invalid_request', '/contentType'] as const;

/** [what, body, status, code, path of the error] */
const BAD: [string, unknown, number, string, string?][] = [
  ['no contentType', { size: 5 }, 400, 'invalid_request', '/contentType'],
  ['no size', { contentType: 'a/b' }, 400, 'invalid_request', '/size'],
  ['null size', { ...good, size: null }, 400, 'invalid_request', '/size'],
  ['text size', { ...good, size: '5' }, 400, 'invalid_request', '/size'],
  ['list size', { ...good, size: [5] }, 400, 'invalid_request', '/size'],
  ['negative size', { ...good, size: -1 }, 400, 'invalid_request', '/size'],
  ['broken size', { ...good, size: 1.5 }, 400, 'invalid_request', '/size'],
  ['size of 2^53', '{"contentType":"a/b","size":9007199254740992}', 400, 'invalid_request', '/size'],
  ['size of 2^53+1', '{"contentType":"a/b","size":9007199254740993}', 400, 'invalid_request', '/size'],
  ['size over policy', { ...good, size: 5_000_000_001 }, 422, 'policy_refused', '/size'],
  ['empty type', { ...good, contentType: '' }, 400, 'invalid_request', '/contentType'],
  ['type null', { ...good, contentType: null }, 400, 'invalid_request', '/contentType'],
  ['type with NUL', { ...good, contentType: 'a/b\0' }, 400, 'invalid_request', '/contentType'],
  ['type with CRLF', { ...good, contentType: 'a/b\r\nx: y' }, 400, 'invalid_request', '/contentType'],
  ['type with final newline', { ...good, contentType: 'a/b\n' }, 400, 'invalid_request', '/contentType'],
  ['type too long', { ...good, contentType: `a/${'b'.repeat(300)}` }, 400, 'invalid_request', '/contentType'],
  ['type with emoji', { ...good, contentType: 'a/😀' }, 400, 'invalid_request', '/contentType'],
  ['empty filename', { ...good, filename: '' }, 400, 'invalid_request', '/filename'],
  ['filename with NUL', { ...good, filename: 'a\0b' }, 400, 'invalid_request', '/filename'],
  [
    'filename with a lone surrogate',
    '{"contentType":"a/b","size":1,"filename":"\\ud800"}',
    400,
    'invalid_request',
    '/filename',
  ],
  [
    'filename of 1,025 bytes',
    { ...good, filename: `${'é'.repeat(512)}x` },
    400,
    'invalid_request',
    '/filename',
  ],
  ['filename 7', { ...good, filename: 7 }, 400, 'invalid_request', '/filename'],
  ['hex sha256', { ...good, sha256: 'a'.repeat(64) }, 400, 'invalid_request', '/sha256'],
  ['short sha256', { ...good, sha256: 'AAAA' }, 400, 'invalid_request', '/sha256'],
  ['an unknown method', { ...good, method: 'PATCH' }, 400, 'invalid_request', '/method'],
  ['method put', { ...good, method: 'put' }, 400, 'invalid_request', '/method'],
  ['null method', { ...good, method: null }, 400, 'invalid_request', '/method'],
  ['crc32c of 3 bytes', { ...good, crc32c: 'AAAA' }, 400, 'invalid_request', '/crc32c'],
  ['crc32c of 8 bytes', { ...good, crc32c: CRC64 }, 400, 'invalid_request', '/crc32c'],
  ['crc32c in hex', { ...good, crc32c: 'e3069283' }, 400, 'invalid_request', '/crc32c'],
  ['crc32c with stray bits', { ...good, crc32c: '4waSgx==' }, 400, 'invalid_request', '/crc32c'],
  ['crc32c base64url', { ...good, crc32c: '-_aSgw==' }, 400, 'invalid_request', '/crc32c'],
  ['crc32c as a number', { ...good, crc32c: 3808858755 }, 400, 'invalid_request', '/crc32c'],
  ['crc64nvme of 4 bytes', { ...good, crc64nvme: CRC32 }, 400, 'invalid_request', '/crc64nvme'],
  ['crc64nvme with stray bits', { ...good, crc64nvme: 'AAAAAAAAAAB=' }, 400, 'invalid_request', '/crc64nvme'],
  ['two checksums', { ...good, crc32c: CRC32, crc64nvme: CRC64 }, 400, 'invalid_request', '/crc64nvme'],
  ['sha256 and crc32c', { ...good, sha256: SHA256, crc32c: CRC32 }, 400, 'invalid_request', '/crc32c'],
  ['a part size for PUT', { ...good, partSize: 5 * MIB }, 400, 'invalid_request', '/partSize'],
  [
    'a part size for POST',
    { ...good, method: 'POST', partSize: 5 * MIB },
    400,
    'invalid_request',
    '/partSize',
  ],
  ['parts under 5 MiB', { ...parts, partSize: 5 * MIB - 1 }, 400, 'invalid_request', '/partSize'],
  ['parts over 5 GiB', { ...parts, partSize: 5 * 1024 * MIB + 1 }, 400, 'invalid_request', '/partSize'],
  ['a text as part size', { ...parts, partSize: '5242880' }, 400, 'invalid_request', '/partSize'],
  ['multipart of nothing', { ...parts, size: 0 }, 400, 'invalid_request', '/size'],
  ['multipart with sha256', { ...parts, sha256: SHA256 }, 422, 'policy_refused', '/sha256'],
  ['${filename} in the type of a form', { ...form, contentType: 'a/b;c="${filename}"' }, ...REPLACED],
  [
    '${filename} in metadata of a form',
    { ...form, metadata: { a: 'x ${filename}' } },
    400,
    'invalid_request',
    '/metadata',
  ],
  ['0 seconds', { ...good, expiresInSeconds: 0 }, 400, 'invalid_request', '/expiresInSeconds'],
  ['over policy seconds', { ...good, expiresInSeconds: 3601 }, 400, 'invalid_request', '/expiresInSeconds'],
  ['over S3 seconds', { ...good, expiresInSeconds: 604_801 }, 400, 'invalid_request', '/expiresInSeconds'],
  ['metadata list', { ...good, metadata: [] }, 400, 'invalid_request', '/metadata'],
  ['metadata number', { ...good, metadata: { a: 1 } }, 400, 'invalid_request', '/metadata/a'],
  ['metadata not ASCII', { ...good, metadata: { a: 'é' } }, 400, 'invalid_request', '/metadata/a'],
  ['metadata upper-case name', { ...good, metadata: { A: 'x' } }, 400, 'invalid_request', '/metadata/A'],
  [
    'metadata that MinIO acts upon',
    { ...good, metadata: { 'snowball-auto-extract': 'true' } },
    400,
    'invalid_request',
    '/metadata/snowball-auto-extract',
  ],
  [
    'metadata of MinIO',
    { ...good, metadata: { 'minio-x': 'y' } },
    400,
    'invalid_request',
    '/metadata/minio-x',
  ],
  ['metadata double space', { ...good, metadata: { a: 'x  y' } }, 400, 'invalid_request', '/metadata/a'],
  [
    'metadata over 2 KB',
    { ...good, metadata: { a: 'x'.repeat(1500), b: 'x'.repeat(600) } },
    400,
    'invalid_request',
    '/metadata',
  ],
  ['unknown member', { ...good, sse: true }, 400, 'invalid_request', '/sse'],
  ['__proto__', '{"contentType":"a/b","size":1,"__proto__":{"a":1}}', 400, 'invalid_json'],
  [
    'constructor.prototype',
    '{"contentType":"a/b","size":1,"constructor":{"prototype":{"a":1}}}',
    400,
    'invalid_json',
  ],
  ['a list', [], 400, 'invalid_request', '/'],
  ['null', 'null', 400, 'invalid_request', '/'],
  ['a text', '"x"', 400, 'invalid_request', '/'],
  ['broken JSON', '{"contentType":', 400, 'invalid_json'],
  ['empty', '', 400, 'invalid_json'],
  ['10 MB', `{"contentType":"a/b","size":1,"filename":"${'x'.repeat(10_000_000)}"}`, 413, 'body_too_large'],
];

describe('bad input: a problem with a code and the field’s path, and nothing stored', () => {
  let h: Harness;
  let token: string;
  const stored = async () => (await h.store.uploads.list('acme', { limit: 100, now: h.clock.now })).length;
  before(async () => {
    h = await makeHarness({ target: fakeTarget(new FakeObjectStore()) });
    token = await h.token();
  });
  after(() => h[Symbol.asyncDispose]());

  for (const [what, body, status, code, path] of BAD) {
    it(what, async () => {
      const answer = await h.call('POST', '/v1/uploads', { token, body });
      assert.equal(answer.status, status, answer.text.slice(0, 300));
      assert.equal(answer.headers['content-type'], 'application/problem+json');
      assert.equal(answer.body.code, code, answer.text.slice(0, 300));
      assert.equal(answer.body.status, status);
      if (path !== undefined) {
        const paths = (answer.body.errors as { path: string; message: string }[]).map((error) => error.path);
        assert.ok(paths.includes(path), `${path} is not in ${paths.join(' ')}`);
      }
      assert.equal(await stored(), 0);
    });
  }

  it('takes what is just right', async () => {
    await using fresh = await makeHarness({ target: fakeTarget(new FakeObjectStore()) });
    const all = [
      { ...good, crc32c: CRC32 },
      { ...good, crc64nvme: CRC64 },
      { ...good, sha256: SHA256, method: 'POST' },
      { ...parts, crc64nvme: CRC64, partSize: 5 * MIB },
      { ...parts, partSize: 5 * 1024 * MIB },
      { ...good, metadata: { a: '${filename}' } },
      form,
    ];
    const as = await fresh.token();
    for (const body of all) {
      const answer = await fresh.call('POST', '/v1/uploads', { token: as, body });
      assert.equal(answer.status, 201, answer.text);
      assert.equal(answer.body.method, 'method' in body ? body.method : 'PUT');
    }
  });

  it('lists every mistake at once', async () => {
    const answer = await h.call('POST', '/v1/uploads', { token, body: { size: -1, filename: 3, x: 1 } });
    assert.deepEqual((answer.body.errors as { path: string }[]).map((error) => error.path).sort(), [
      '/contentType',
      '/filename',
      '/size',
      '/x',
    ]);
  });

  it('answers thousands of mistakes with a hundred', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`A${i}`, 1]));
    const answer = await h.call('POST', '/v1/uploads', { token, body: { ...good, metadata } });
    assert.equal(answer.body.errors.length, 100);
  });

  it('says that sha256 wants base64', async () => {
    const answer = await h.call('POST', '/v1/uploads', { token, body: { ...good, sha256: 'a'.repeat(64) } });
    assert.match(answer.text, /base64/);
  });

  it('another content type, and none, with a body: 415', async () => {
    for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded']) {
      const answer = await h.call('POST', '/v1/uploads', {
        token,
        body: good,
        headers: { 'content-type': type },
      });
      assert.equal(answer.status, 415, type);
      assert.equal(answer.body.code, 'unsupported_media_type');
    }
  });

  it('a bad Idempotency-Key, id, cursor, limit or state', async () => {
    const key = (value: string) =>
      h.call('POST', '/v1/uploads', { token, body: good, headers: { 'idempotency-key': value } });
    for (const value of ['', 'x'.repeat(256), 'a b']) assert.equal((await key(value)).status, 400, value);
    for (const url of [
      '/v1/uploads/x',
      '/v1/uploads/%00',
      `/v1/uploads/${'1'.repeat(36)}`,
      '/v1/uploads/018F0000-0000-7000-8000-000000000000',
    ]) {
      assert.equal((await h.call('GET', url, { token })).status, 400, url);
    }
    for (const query of [
      'limit=0',
      'limit=101',
      'limit=x',
      'cursor=x',
      'state=gone',
      'state=issued&state=deleted',
      'foo=1',
    ]) {
      const answer = await h.call('GET', `/v1/uploads?${query}`, { token });
      assert.equal(answer.status, 400, query);
      assert.match(answer.text, /query\//);
    }
  });

  it('undeclared methods: 405 with Allow; unknown paths: 404; both problems, with or without credentials', async () => {
    for (const url of new Set(ROUTES.map((route) => route.url))) {
      const answer = await h.app.inject({ method: 'PUT', url: url.replace(':id', 'x') });
      assert.equal(answer.statusCode, 405);
      assert.equal(
        answer.headers.allow,
        ROUTES.filter((route) => route.url === url)
          .map((route) => route.method)
          .join(', '),
      );
      assert.match(answer.body, /method_not_allowed/);
    }
    assert.equal((await h.call('GET', '/v1/nothing')).body.code, 'route_not_found');
    for (const path of ['/v1/v1/uploads', '/v1/uploads/v1/uploads'])
      assert.match(String((await h.call('POST', path)).body.detail), /\/v1 twice/);
    assert.equal((await h.call('GET', '/v1/uploads/%E0%A4%A')).status, 400);
  });

  it('on a socket: repeated headers and broken HTTP are 400, headers without end 431', async () => {
    await h.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = h.app.server.address() as { port: number };
    const raw = (text: string) =>
      new Promise<string>((resolve, reject) => {
        let answer = '';
        const socket = connect(port, '127.0.0.1', () => socket.write(text));
        socket
          .on('data', (chunk) => (answer += chunk.toString()))
          .on('end', () => resolve(answer))
          .on('error', reject);
      });
    const repeated = await raw(
      `GET /v1/uploads HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer x\r\n\r\n`,
    );
    assert.match(repeated, /^HTTP\/1.1 400 [\s\S]*header\/authorization/);
    const pipelined = await raw(`GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(100)).catch(() => '');
    assert.ok(pipelined.split('HTTP/1.1 200').length <= 9, 'a connection holds few answers');
    assert.match(await raw('NONSENSE\r\n\r\n'), /^HTTP\/1.1 400 [\s\S]*application\/problem\+json/);
    assert.match(await raw(`GET / HTTP/1.1\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`), /^HTTP\/1.1 431 /);
  });

  it('answers carry no-store, a request id and the security headers; only configured origins get CORS', async () => {
    const answer = await h.call('GET', '/v1/uploads', { token, headers: { origin: 'https://evil.example' } });
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.match(String(answer.headers['x-request-id']), /^[0-9a-f-]{36}$/);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  });
});
