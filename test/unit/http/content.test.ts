import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { ObjectRefused } from '../../../src/s3/errors.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness } from '../../support/harness.ts';
import { ask, bearer, uploaded, type Answer } from './asking.ts';

const APP = 'https://app.example.com';
const BYTES = randomBytes(200).toString('base64url');

describe('content', () => {
  const s3 = new FakeObjectStore();
  let h: Harness;
  let token: string;
  before(async () => {
    h = await makeHarness({ target: fakeTarget(s3), corsOrigins: [APP] });
    token = await h.token();
  });
  beforeEach(() => {
    s3.before = undefined;
    s3.dead = false;
  });
  after(() => h[Symbol.asyncDispose]());
  const make = async (asked: object = {}): Promise<string> =>
    (await uploaded(h, s3, token, Buffer.from(BYTES), { ...asked })).id as string;
  const get = (id: string, query = '', headers: Record<string, string> = {}) =>
    ask(h, 'GET', `/v1/uploads/${id}/content${query}`, { ...bearer(token), ...headers });
  const linkTo = async (id: string, disposition: string): Promise<string> =>
    (await h.call('POST', `/v1/uploads/${id}/links`, { token, body: { disposition } })).body.url as string;

  it('is sent with headers that make it harmless, and of ours only', async () => {
    const id = await make({ filename: 'a.png', contentType: 'image/png' });
    for (const answer of [await get(id), await ask(h, 'GET', await linkTo(id, 'attachment'))]) {
      assert.deepEqual([answer.status, answer.text], [200, BYTES]);
      const { headers } = answer;
      assert.equal(headers['content-type'], 'image/png');
      assert.equal(headers['content-length'], String(BYTES.length));
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.match(headers['content-security-policy'] ?? '', /^sandbox; default-src 'none';/);
      assert.doesNotMatch(headers['content-security-policy'] ?? '', /allow-|script/);
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
      assert.equal(headers['cache-control'], 'private, no-store');
      assert.equal(headers['accept-ranges'], 'bytes');
      assert.equal(headers['etag'], '"etag"');
      assert.equal(headers['last-modified'], 'Thu, 01 Jan 1970 00:00:00 GMT');
      assert.equal(headers['content-disposition'], "attachment; filename*=UTF-8''a.png");
      assert.ok(!Object.keys(headers).some((name) => name.startsWith('x-amz-')));
    }
  });

  it('is inline only where it is asked for and its type is listed; a link of such a one may be embedded', async () => {
    const types: [contentType: string, inline: boolean][] = [
      ['image/png', true],
      ['IMAGE/PNG', true],
      ['image/png; a=b', true],
      ['video/mp4', true],
      ['text/html', false],
      ['text/plain', false],
      ['image/svg+xml', false],
      ['image/svg+xml; a="image/png"', false],
      ['application/pdf', false],
      ['application/xhtml+xml', false],
    ];
    for (const [contentType, inline] of types) {
      const id = await make({ contentType });
      const asked = await get(id, '?disposition=inline');
      const link = await ask(h, 'GET', await linkTo(id, 'inline'));
      const others = [
        await get(id),
        await get(id, '?disposition=attachment'),
        await ask(h, 'GET', await linkTo(id, 'attachment')),
      ];
      for (const answer of [asked, link]) {
        assert.equal(answer.headers['content-disposition'], inline ? 'inline' : 'attachment', contentType);
        assert.equal(answer.headers['content-type'], contentType, 'exactly as announced');
        // What is played has its own origin, or it could not load itself; scripts run in neither.
        const sandbox =
          inline && contentType.startsWith('video/')
            ? /^sandbox allow-same-origin; default-src 'none';/
            : /^sandbox; default-src 'none';/;
        assert.match(answer.headers['content-security-policy'] ?? '', sandbox);
      }
      assert.equal(link.headers['cross-origin-resource-policy'], inline ? 'cross-origin' : 'same-origin');
      assert.equal(asked.headers['cross-origin-resource-policy'], 'same-origin');
      for (const { headers } of others) {
        assert.equal(headers['content-disposition'], 'attachment');
        assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
      }
    }
    assert.equal((await get(await make(), '?disposition=show')).status, 400);
    assert.equal((await get(await make(), '?download=1')).status, 400);
  });

  it('a type is never given parameters that it does not have', async () => {
    for (const contentType of [
      'text/plain',
      'application/json',
      'text/html; charset=utf-16',
      'application/ld+json',
    ]) {
      assert.equal((await get(await make({ contentType }))).headers['content-type'], contentType);
    }
  });

  it('any filename comes back, by RFC 8187, and none can end the header', async () => {
    const names: [filename: string, encoded: string][] = [
      ['Käse & Wein.pdf', 'K%C3%A4se%20%26%20Wein.pdf'],
      ['a"; filename=evil.html', 'a%22%3B%20filename%3Devil.html'],
      ["it's (1)*!.txt", 'it%27s%20%281%29%2A%21.txt'],
      ['a\r\nset-cookie: b', 'a%0D%0Aset-cookie%3A%20b'],
      ['../../etc/passwd', '..%2F..%2Fetc%2Fpasswd'],
      ['😀.png', '%F0%9F%98%80.png'],
      ['100%.txt', '100%25.txt'],
    ];
    for (const [filename, encoded] of names) {
      const { headers } = await get(await make({ filename }));
      assert.equal(headers['content-disposition'], `attachment; filename*=UTF-8''${encoded}`);
      assert.equal(decodeURIComponent(encoded), filename);
      assert.equal(headers['set-cookie'], undefined);
    }
  });

  it('HEAD says what GET would, and sends nothing', async () => {
    const id = await make({ filename: 'a.txt' });
    const link = await linkTo(id, 'attachment');
    const ofEach = ['x-request-id', 'date', 'connection'];
    const plain = ({ headers }: Answer) => Object.entries(headers).filter(([name]) => !ofEach.includes(name));
    for (const range of [{}, { range: 'bytes=5-9' }] as Record<string, string>[]) {
      for (const url of [`/v1/uploads/${id}/content`, link]) {
        const whole = await ask(h, 'GET', url, { ...bearer(token), ...range });
        const head = await ask(h, 'HEAD', url, { ...bearer(token), ...range });
        assert.equal(head.status, whole.status);
        assert.equal(head.text, '');
        assert.deepEqual(plain(head), plain(whole));
      }
    }
  });

  it('passes Range on: 206 with what was asked for, 416 as a problem with the size', async () => {
    const id = await make();
    const size = BYTES.length;
    for (const [range, first, last] of [
      ['bytes=0-0', 0, 0],
      ['bytes=5-9', 5, 9],
      ['bytes=200-', 200, size - 1],
      ['bytes=-3', size - 3, size - 1],
      ['bytes=10-9999', 10, size - 1],
    ] as const) {
      const answer = await get(id, '', { range });
      assert.deepEqual([answer.status, answer.text], [206, BYTES.slice(first, last + 1)], range);
      assert.equal(answer.headers['content-range'], `bytes ${first}-${last}/${size}`);
      assert.equal(answer.headers['content-length'], String(last + 1 - first));
      assert.match(answer.headers['content-disposition'] ?? '', /^attachment/);
    }
    for (const range of ['bytes=5-1', 'lines=1-2', 'bytes=0-1,3-4', 'x']) {
      assert.deepEqual([(await get(id, '', { range })).status], [200], range);
    }
    const beyond = await get(id, '', { range: `bytes=${size}-`, origin: APP });
    assert.equal(beyond.status, 416);
    assert.equal(beyond.headers['content-range'], `bytes */${size}`);
    assert.equal(beyond.headers['content-type'], 'application/problem+json');
    assert.match(beyond.text, /"code":"range_not_satisfiable"/);
    const head = await ask(h, 'HEAD', `/v1/uploads/${id}/content`, {
      ...bearer(token),
      range: `bytes=${size}-`,
    });
    assert.deepEqual([head.status, head.headers['content-range'], head.text], [416, `bytes */${size}`, '']);
  });

  it('passes If-None-Match on: 304 with the ETag and without a body', async () => {
    const id = await make();
    for (const value of ['"etag"', '"other", "etag"', '*']) {
      const answer = await get(id, '', { 'if-none-match': value });
      assert.deepEqual([answer.status, answer.text, answer.headers['etag']], [304, '', '"etag"'], value);
      assert.equal(answer.headers['content-disposition'], undefined);
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    }
    assert.equal((await get(id, '', { 'if-none-match': '"other"' })).status, 200);
  });

  it('of no bytes is 200 and empty', async () => {
    const id = (await uploaded(h, s3, token, Buffer.alloc(0))).id as string;
    const answer = await get(id);
    assert.deepEqual([answer.status, answer.text, answer.headers['content-length']], [200, '', '0']);
  });

  it('before it is uploaded is 409, after DELETE 404', async () => {
    const made = await h.call('POST', '/v1/uploads', { token, body: { contentType: 'a/b', size: 1 } });
    const early = await get(made.body.id as string);
    assert.equal(early.status, 409);
    assert.match(early.text, /"code":"state_conflict"/);
    const id = await make();
    await h.call('DELETE', `/v1/uploads/${id}`, { token });
    assert.match((await get(id)).text, /"code":"upload_deleted"/);
  });

  it('that S3 has lost or changed is 404, that it refuses 503, and so it is where it does not answer', async () => {
    const id = await make();
    const link = await linkTo(id, 'inline');
    const failures: [error: Error, status: number, code: string][] = [
      [new ObjectRefused(404, 'NoSuchKey'), 404, 'object_missing'],
      [new ObjectRefused(412, 'PreconditionFailed'), 404, 'object_missing'],
      [new ObjectRefused(403, 'AccessDenied'), 503, 'dependency_unavailable'],
      [new ObjectRefused(400, 'InvalidRequest'), 503, 'dependency_unavailable'],
      [new DependencyUnavailable('s3', undefined), 503, 'dependency_unavailable'],
    ];
    for (const [error, status, code] of failures) {
      s3.before = () => {
        throw error;
      };
      for (const answer of [await get(id), await ask(h, 'GET', link)]) {
        assert.equal(answer.status, status, answer.text);
        assert.match(answer.text, new RegExp(`"code":"${code}"`));
        assert.equal(answer.headers['content-disposition'], undefined);
        assert.equal(answer.headers['retry-after'], status === 503 ? '5' : undefined);
      }
    }
  });

  it('is of exactly the verified object: one put in its place later is 404', async () => {
    const made = await uploaded(h, s3, token, Buffer.from(BYTES));
    const key = await h.customerKey('acme', made.id as string);
    s3.put(made.objectKey as string, key, { contentType: 'text/plain' }, { bytes: Buffer.from('other') });
    const answer = await get(made.id as string);
    assert.equal(answer.status, 404);
    assert.match(answer.text, /"code":"object_missing"/);
  });

  it('is shown to a configured origin with the headers it needs, which may send what it must', async () => {
    const id = await make();
    const { headers } = await get(id, '', { origin: APP, range: 'bytes=0-1' });
    assert.equal(headers['access-control-allow-origin'], APP);
    const exposed = (headers['access-control-expose-headers'] ?? '').split(/, */);
    for (const name of ['content-range', 'etag', 'accept-ranges', 'content-disposition']) {
      assert.ok(exposed.includes(name), name);
    }
    const preflight = await h.app.inject({
      method: 'OPTIONS',
      url: `/v1/uploads/${id}/content`,
      headers: {
        origin: APP,
        'access-control-request-method': 'HEAD',
        'access-control-request-headers': 'range',
      },
    });
    assert.match(String(preflight.headers['access-control-allow-methods']), /\bHEAD\b/);
    assert.match(String(preflight.headers['access-control-allow-headers']), /\brange, if-none-match\b/);
    assert.equal(
      (await get(id, '', { origin: 'https://evil.example' })).headers['access-control-allow-origin'],
      undefined,
    );
  });
});
