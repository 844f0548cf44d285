import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { SCOPES } from '../../../src/access/principal.ts';
import type { Store } from '../../../src/store/port.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { watch } from '../../support/interference.ts';
import { makeHarness, TENANT, type Harness, type Json } from '../../support/harness.ts';

const KEY = 'x-amz-server-side-encryption-customer-key';
const ask = {
  filename: 'Käse & Wein.pdf',
  contentType: 'application/pdf',
  size: 1234,
  sha256: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  metadata: { case: '4711' },
};

async function setup(): Promise<{ h: Harness; s3: FakeObjectStore; token: string }> {
  const s3 = new FakeObjectStore();
  const h = await makeHarness({ target: fakeTarget(s3) });
  return { h, s3, token: await h.token() };
}

async function arrive(h: Harness, s3: FakeObjectStore, slot: Json, change: object = {}): Promise<void> {
  s3.put(slot.objectKey as string, await h.customerKey('acme', slot.id as string), {
    size: ask.size,
    contentType: ask.contentType,
    sha256: ask.sha256,
    metadata: ask.metadata,
    versionId: 'v1',
    ...change,
  });
}

describe('a slot by PUT', () => {
  it('signs exactly what S3 lets us bind, and hands out exactly what a client must set', async () => {
    const { h, token } = await setup();
    await using _ = h;
    const { status, body, headers } = await h.call('POST', '/v1/uploads', { token, body: ask });
    assert.equal(status, 201);
    assert.equal(headers.location, `/v1/uploads/${String(body.id)}`);
    const url = new URL(body.request.url as string);
    assert.equal(
      url.searchParams.get('X-Amz-SignedHeaders'),
      'content-length;content-type;host;if-none-match;x-amz-checksum-sha256;x-amz-meta-case;' +
        'x-amz-server-side-encryption-customer-algorithm;x-amz-server-side-encryption-customer-key;' +
        'x-amz-server-side-encryption-customer-key-md5',
    );
    assert.deepEqual(Object.keys(body.request.headers as object).sort(), [
      'content-type',
      'if-none-match',
      'x-amz-checksum-sha256',
      'x-amz-meta-case',
      'x-amz-server-side-encryption-customer-algorithm',
      'x-amz-server-side-encryption-customer-key',
      'x-amz-server-side-encryption-customer-key-md5',
    ]);
    const key = Buffer.from(body.request.headers[KEY] as string, 'base64');
    assert.equal(key.length, 32);
    assert.deepEqual((await h.customerKey('acme', body.id as string)).bytes(), key);
    assert.ok((body.objectKey as string).includes(body.id as string));
    assert.equal(body.filename, ask.filename);
    assert.equal(
      Date.parse(body.request.expiresAt as string),
      Math.floor(h.clock.now / 1000) * 1000 + 900_000,
    );
  });

  it('is never shown with key material again but by request; each slot has another key', async () => {
    const { h, token } = await setup();
    await using _ = h;
    const first = (await h.call('POST', '/v1/uploads', { token, body: ask })).body;
    const second = (await h.call('POST', '/v1/uploads', { token, body: ask })).body;
    assert.notEqual(first.request.headers[KEY], second.request.headers[KEY]);
    const got = await h.call('GET', `/v1/uploads/${String(first.id)}`, { token });
    assert.equal(got.body.request, undefined);
    const again = await h.call('POST', `/v1/uploads/${String(first.id)}/request`, { token, body: {} });
    assert.equal(again.body.request.headers[KEY], first.request.headers[KEY]);
    const list = await h.call('GET', '/v1/uploads?limit=1', { token });
    assert.equal(list.body.uploads[0].id, second.id);
    const next = await h.call('GET', `/v1/uploads?limit=1&cursor=${String(list.body.nextCursor)}`, { token });
    assert.equal(next.body.uploads[0].id, first.id);
    assert.equal(next.body.nextCursor, undefined);
    assert.ok(!`${got.text}${list.text}`.includes(first.request.headers[KEY] as string));
  });

  it('not arrived 409, arrived 200 and repeatable, mismatch 422 with expected and actual, every field', async () => {
    const { h, s3, token } = await setup();
    await using _ = h;
    const make = async () => (await h.call('POST', '/v1/uploads', { token, body: ask })).body;
    const complete = (slot: Json) => h.call('POST', `/v1/uploads/${String(slot.id)}/complete`, { token });
    const slot = await make();
    const early = await complete(slot);
    assert.equal(early.status, 409);
    assert.equal(early.body.code, 'not_arrived');
    assert.ok(Number(early.headers['retry-after']) > 0);
    await arrive(h, s3, slot);
    for (let i = 0; i < 2; i++) {
      const done = await complete(slot);
      assert.equal(done.status, 200, done.text);
      assert.equal(done.body.state, 'uploaded');
      assert.equal(done.body.versionId, 'v1');
    }
    const changes: [string, object][] = [
      ['size', { size: 1 }],
      ['contentType', { contentType: 'text/html' }],
      ['sha256', { sha256: null }],
      ['encryption', { sseCustomerAlgorithm: null }],
      ['encryptionKeyMd5', { sseCustomerKeyMd5: 'other' }],
      ['contentEncoding', { contentEncoding: 'gzip' }],
      ['contentDisposition', { contentDisposition: 'inline' }],
      ['contentLanguage', { contentLanguage: 'de' }],
      ['cacheControl', { cacheControl: 'public' }],
      ['expires', { expires: 'Wed, 21 Oct 2099 07:28:00 GMT' }],
      ['websiteRedirect', { websiteRedirect: 'https://elsewhere.example/' }],
      ['storageClass', { storageClass: 'GLACIER' }],
      ['tagCount', { tagCount: 1 }],
      ['metadata/case', { metadata: {} }],
      ['metadata/extra', { metadata: { case: '4711', extra: 'x' } }],
    ];
    for (const [field, change] of changes) {
      const wrong = await make();
      await arrive(h, s3, wrong, change);
      for (let i = 0; i < 2; i++) {
        const answer = await complete(wrong);
        assert.equal(answer.status, 422, field);
        assert.deepEqual(
          (answer.body.mismatches as Json[]).map((m) => m.field),
          [field],
        );
      }
      assert.equal(
        (await h.call('GET', `/v1/uploads/${String(wrong.id)}`, { token })).body.state,
        'rejected',
      );
    }
  });

  it('takes the Cache-Control that browsers add by themselves, and nothing like it', async () => {
    const { h, s3, token } = await setup();
    await using _ = h;
    const completed = async (cacheControl: string): Promise<number> => {
      const slot = (await h.call('POST', '/v1/uploads', { token, body: ask })).body;
      await arrive(h, s3, slot, { cacheControl });
      return (await h.call('POST', `/v1/uploads/${String(slot.id)}/complete`, { token })).status;
    };
    for (const added of ['no-cache', 'max-age=0']) assert.equal(await completed(added), 200, added);
    for (const other of ['max-age=9', 'no-cache, public', 'no-store']) {
      assert.equal(await completed(other), 422, other);
    }
  });

  it('an answer of S3 that is neither yes nor no is 503, and a dead S3 too; the slot stays issued', async () => {
    const { h, s3, token } = await setup();
    await using _ = h;
    const slot = (await h.call('POST', '/v1/uploads', { token, body: ask })).body;
    for (const status of [400, 403, 500]) {
      s3.headAnswer = { kind: 'unknown', status, code: 'AccessDenied' };
      const answer = await h.call('POST', `/v1/uploads/${String(slot.id)}/complete`, { token });
      assert.equal(answer.status, 503);
      assert.ok(Number(answer.headers['retry-after']) > 0);
    }
    s3.headAnswer = undefined;
    s3.dead = true;
    assert.equal((await h.call('POST', `/v1/uploads/${String(slot.id)}/complete`, { token })).status, 503);
    assert.equal(
      (await h.call('POST', '/v1/uploads', { token, body: ask })).status,
      201,
      'signing needs no S3',
    );
    assert.equal((await h.call('GET', `/v1/uploads/${String(slot.id)}`, { token })).body.state, 'issued');
  });

  it('a download is of the verified version, with overridden response headers and a signed range', async () => {
    const { h, s3, token } = await setup();
    await using _ = h;
    const slot = (await h.call('POST', '/v1/uploads', { token, body: ask })).body;
    const download = (body?: unknown) =>
      h.call('POST', `/v1/uploads/${String(slot.id)}/download`, { token, body });
    assert.equal((await download()).status, 409);
    await arrive(h, s3, slot);
    await h.call('POST', `/v1/uploads/${String(slot.id)}/complete`, { token });
    const { body } = await download({ range: 'bytes=0-9', disposition: 'inline', expiresInSeconds: 60 });
    const url = new URL(body.url as string);
    assert.equal(
      url.searchParams.get('X-Amz-SignedHeaders'),
      'host;range;x-amz-server-side-encryption-customer-algorithm;x-amz-server-side-encryption-customer-key;x-amz-server-side-encryption-customer-key-md5',
    );
    assert.equal(url.searchParams.get('versionId'), 'v1');
    assert.equal(url.searchParams.get('response-content-type'), 'application/pdf');
    assert.match(
      url.searchParams.get('response-content-disposition') ?? '',
      /^inline; filename\*=UTF-8''K%C3%A4se%20%26%20Wein\.pdf$/,
    );
    assert.equal(body.headers[KEY], slot.request.headers[KEY]);
    assert.equal((await download({ range: 'bytes=1-2,3-4' })).status, 400);
    assert.equal((await download({ expiresInSeconds: 3601 })).status, 400);
  });

  it('Idempotency-Key: same slot and key for 24 h, 422 for another body, one slot of 50 at once', async () => {
    const { h, s3, token } = await setup();
    await using _ = h;
    const post = (key: string, body: unknown = ask, as = token) =>
      h.call('POST', '/v1/uploads', { token: as, body, headers: { 'idempotency-key': key } });
    const first = await post('a');
    const { metadata, ...rest } = ask;
    const replay = await post('a', { metadata, ...rest });
    assert.equal(replay.status, 201);
    assert.equal(replay.headers['idempotency-replayed'], 'true');
    assert.equal(replay.body.id, first.body.id);
    assert.equal(replay.body.request.headers[KEY], first.body.request.headers[KEY]);
    const other = await post('a', { ...ask, size: 1 });
    assert.equal(other.status, 422);
    assert.equal(other.body.code, 'idempotency_key_reused');
    const stranger = await post('a', ask, await h.token('acme', SCOPES, 'stranger'));
    assert.notEqual(stranger.body.id, first.body.id);

    const many = await Promise.all(Array.from({ length: 50 }, () => post('b')));
    assert.equal(new Set(many.map((answer) => answer.body.id as string)).size, 1);
    assert.equal(new Set(many.map((answer) => answer.body.request.headers[KEY] as string)).size, 1);
    assert.equal(many.filter((answer) => answer.headers['idempotency-replayed'] === undefined).length, 1);

    await arrive(h, s3, first.body);
    await h.call('POST', `/v1/uploads/${String(first.body.id)}/complete`, { token });
    const late = await post('a');
    assert.equal(late.status, 201);
    assert.equal(late.body.request, undefined);
    h.clock.now += 24 * 3600_000;
    assert.notEqual((await post('a')).body.id, first.body.id);
  });

  it('a tenant’s policy decides on size, type and SHA-256', async () => {
    const strict = { ...TENANT, maxSizeBytes: 10, contentTypes: ['image/*'], requireSha256: true };
    await using h = await makeHarness({
      target: fakeTarget(new FakeObjectStore()),
      tenants: { acme: strict },
    });
    const token = await h.token();
    const answer = await h.call('POST', '/v1/uploads', { token, body: { contentType: 'a/b', size: 11 } });
    assert.equal(answer.status, 422);
    assert.deepEqual((answer.body.errors as Json[]).map((e) => e.path).sort(), [
      '/contentType',
      '/sha256',
      '/size',
    ]);
    const noTenant = await h.token('globex');
    assert.equal((await h.call('GET', '/v1/uploads', { token: noTenant })).status, 401);
  });

  it('commits before there is a URL: a failing store gives 503 and no URL, on create and on request', async () => {
    let broken = false;
    const before = (call: string) => {
      const commits = call === 'uploads.insert' || call === 'uploads.extend';
      if (broken && commits) throw new DependencyUnavailable('store', undefined);
    };
    const failing = (store: Store): Store => ({
      ...store,
      uploads: watch('uploads', store.uploads, [{ before }]),
    });
    await using h = await makeHarness({ target: fakeTarget(new FakeObjectStore()), store: failing });
    const token = await h.token();
    const slot = (await h.call('POST', '/v1/uploads', { token, body: ask })).body;
    broken = true;
    for (const url of ['/v1/uploads', `/v1/uploads/${String(slot.id)}/request`]) {
      const answer = await h.call('POST', url, { token, body: url.endsWith('request') ? {} : ask });
      assert.equal(answer.status, 503, url);
      assert.ok(!answer.text.includes('X-Amz-Signature') && !answer.text.includes('customer-key'), url);
      assert.ok(Number(answer.headers['retry-after']) > 0);
    }
  });
});
