import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness, type Json } from '../../support/harness.ts';

const KEY = 'x-amz-server-side-encryption-customer-key';
const SHA256 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
const ask = {
  filename: 'Käse ${filename}.pdf',
  contentType: 'application/pdf',
  size: 1234,
  metadata: { case: '4711', note: 'a & b' },
};

describe('slots by POST and multipart', () => {
  let s3: FakeObjectStore;
  let h: Harness;
  let token: string;
  beforeEach(async () => {
    s3 = new FakeObjectStore();
    h = await makeHarness({ target: fakeTarget(s3) });
    token = await h.token();
  });
  afterEach(() => h[Symbol.asyncDispose]());
  const post = async (body: object, key?: string) => {
    const headers = key === undefined ? {} : { 'idempotency-key': key };
    const answer = await h.call('POST', '/v1/uploads', { token, body, headers });
    assert.equal(answer.status, 201, answer.text);
    return answer;
  };
  const arrive = async ({ id, objectKey }: Json, etag: string | null, sha256: string | null = null) => {
    const { contentType, metadata, size } = ask;
    const facts = { contentType, metadata, size, sha256, ...(etag !== null && { etag }) };
    s3.put(objectKey as string, await h.customerKey('acme', id as string), facts);
    const done = await h.call('POST', `/v1/uploads/${String(id)}/complete`, { token });
    assert.equal(done.status, 200, done.text);
  };

  it('a replayed POST slot has a new form for the same object under the same customer key', async () => {
    const body = { ...ask, method: 'POST' };
    const first = await post(body, 'a');
    h.clock.now += 60_000;
    const again = await post(body, 'a');
    assert.equal(again.headers['idempotency-replayed'], 'true');
    assert.equal(again.body.id, first.body.id);
    const [old, fresh] = [first.body.request, again.body.request];
    assert.equal(fresh.method, 'POST');
    assert.equal(fresh.fields[KEY], old.fields[KEY]);
    assert.equal(fresh.fields.key, old.fields.key);
    assert.notEqual(fresh.fields['X-Amz-Signature'] ?? fresh.fields['x-amz-signature'], undefined);
    assert.equal(Date.parse(fresh.expiresAt as string) - Date.parse(old.expiresAt as string), 60_000);
    const { urlEndsAt = 0 } = (await h.store.uploads.get('acme', first.body.id as string)) ?? {};
    assert.ok(urlEndsAt >= Date.parse(fresh.expiresAt as string), 'committed before it was answered');
    await arrive(first.body, '"e"');
    assert.equal((await post(body, 'a')).body.request, undefined);
  });

  it('a replayed multipart slot says the same parts; their requests have the same customer key', async () => {
    const body = { ...ask, size: 40_000_000, method: 'multipart' };
    const first = await post(body, 'a');
    const parts = async () => {
      const url = `/v1/uploads/${String(first.body.id)}/parts`;
      const answer = await h.call('POST', url, { token, body: { partNumbers: [2] } });
      assert.equal(answer.status, 200, answer.text);
      return answer.body.parts[0];
    };
    const old = await parts();
    h.clock.now += 60_000;
    const again = await post(body, 'a');
    assert.equal(again.headers['idempotency-replayed'], 'true');
    assert.deepEqual(again.body.request, first.body.request);
    assert.deepEqual(again.body.request, {
      method: 'multipart',
      partSize: 16_777_216,
      partCount: 3,
      expiresAt: again.body.expiresAt,
    });
    assert.ok(!again.text.includes('customer-key'), 'a multipart slot itself has no key material');
    const fresh = await parts();
    assert.equal(fresh.headers[KEY], old.headers[KEY]);
    const uploadId = (part: Json) => new URL(part.url as string).searchParams.get('uploadId');
    assert.equal(uploadId(fresh), uploadId(old));
    assert.equal(s3.calls.get('beginMultipart'), 1);
  });

  it('one key is of one method: the same body by another is refused', async () => {
    await post({ ...ask, method: 'POST' }, 'a');
    for (const method of ['PUT', 'multipart', undefined]) {
      const answer = await h.call('POST', '/v1/uploads', {
        token,
        body: { ...ask, method },
        headers: { 'idempotency-key': 'a' },
      });
      assert.deepEqual([answer.status, answer.body.code], [422, 'idempotency_key_reused'], String(method));
    }
  });

  it('a fresh request is of the slot’s own method', async () => {
    for (const method of ['PUT', 'POST', 'multipart']) {
      const { body } = await post({ ...ask, method });
      const again = await h.call('POST', `/v1/uploads/${String(body.id)}/request`, { token });
      assert.deepEqual([again.status, again.body.request.method], [200, method]);
      assert.deepEqual(Object.keys(again.body.request as object), Object.keys(body.request as object));
    }
  });

  it('a form has all fields, and its policy has a condition for each, and the length, and no other', async () => {
    const { body } = await post({ ...ask, sha256: SHA256, method: 'POST' });
    const fields = body.request.fields as Record<string, string>;
    const names = Object.keys(fields);
    const { Policy: text = '' } = fields;
    const policy = JSON.parse(Buffer.from(text, 'base64').toString()) as {
      expiration: string;
      conditions: (Record<string, string> | unknown[])[];
    };
    const exact = new Map<string, unknown>();
    const others: unknown[] = [];
    for (const condition of policy.conditions) {
      if (!Array.isArray(condition))
        Object.entries(condition).forEach(([name, value]) => exact.set(name, value));
      else if (condition[0] === 'eq') exact.set(String(condition[1]).slice(1), condition[2]);
      else others.push(condition);
    }
    assert.deepEqual(others, [['content-length-range', ask.size, ask.size]]);
    const unsigned = /^(policy|x-amz-signature)$/i;
    for (const name of names) {
      if (!unsigned.test(name)) assert.equal(exact.get(name), fields[name], name);
    }
    assert.deepEqual(
      [...exact.keys()].filter((name) => !names.includes(name)),
      [],
    );
    for (const [name, value] of Object.entries({
      key: body.objectKey as string,
      'Content-Type': ask.contentType,
      success_action_status: '201',
      'x-amz-checksum-sha256': SHA256,
      'x-amz-meta-case': '4711',
      'x-amz-meta-note': 'a & b',
      'x-amz-server-side-encryption-customer-algorithm': 'AES256',
    })) {
      assert.equal(fields[name], value, name);
    }
    assert.equal(Buffer.from(fields[KEY] ?? '', 'base64').length, 32);
    assert.ok(!(body.objectKey as string).includes('$'), 'S3 would put the name of the file in its place');
    assert.equal(body.filename, ask.filename);
    assert.ok(!(body.request.url as string).includes('?'), 'nothing is signed in the URL');
    assert.ok(Date.parse(policy.expiration) >= Date.parse(body.request.expiresAt as string));
  });

  it('a download is of the verified object only: by its version, or by If-Match', async () => {
    const signed = async (method: string, versioned: boolean) => {
      s3.versioned = versioned;
      const { body } = await post({ ...ask, method });
      await arrive(body, '"e"');
      const answer = await h.call('POST', `/v1/uploads/${String(body.id)}/download`, { token, body: {} });
      assert.equal(answer.status, 200, answer.text);
      const { searchParams } = new URL(answer.body.url as string);
      return {
        header: answer.body.headers['if-match'] as string | undefined,
        isSigned: (searchParams.get('X-Amz-SignedHeaders') ?? '').split(';').includes('if-match'),
        version: searchParams.has('versionId'),
      };
    };
    assert.deepEqual(await signed('POST', false), { header: '"e"', isSigned: true, version: false });
    assert.deepEqual(await signed('POST', true), { header: undefined, isSigned: false, version: true });
    assert.deepEqual(await signed('PUT', false), { header: '"e"', isSigned: true, version: false });
  });
});
