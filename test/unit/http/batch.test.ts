import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Store } from '../../../src/store/port.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, TENANT, type Harness, type Json } from '../../support/harness.ts';
import { watch } from '../../support/interference.ts';
import { pathsOf, slotsIn } from './asking.ts';

const KEY = 'x-amz-server-side-encryption-customer-key';
const item = (n: number) => ({ filename: `${n}.txt`, contentType: 'text/plain', size: n });
const items = (count: number) => Array.from({ length: count }, (_, n) => item(n));
const idsOf = (body: Json) => (body.uploads as { id: string }[]).map(({ id }) => id);
const keysOf = (body: Json) =>
  (body.uploads as { request: { headers: Record<string, string> } }[]).map(
    ({ request }) => request.headers[KEY],
  );

describe('a batch of uploads', () => {
  let h: Harness;
  let token: string;
  let commits: string[];
  beforeEach(async () => {
    commits = [];
    const before = (call: string) => {
      if (/uploads\.(insert|extend|update)/.test(call)) commits.push(call);
    };
    const store = (inner: Store): Store => ({
      ...inner,
      uploads: watch('uploads', inner.uploads, [{ before }]),
    });
    const acme = { ...TENANT, contentTypes: ['text/*'], maxSizeBytes: 1_000_000 };
    h = await makeHarness({ target: fakeTarget(new FakeObjectStore()), tenants: { acme }, store });
    token = await h.token();
  });
  afterEach(() => h[Symbol.asyncDispose]());
  const post = (body: unknown, key?: string) =>
    h.call('POST', '/v1/uploads/batch', {
      token,
      body,
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    });

  it('of 1,000 is answered in order, by one commit, each with a key of its own', async () => {
    const { status, body, headers } = await post({ uploads: items(1000) });
    assert.equal(status, 201);
    assert.equal(headers['location'], undefined);
    const slots = body.uploads as Json[];
    assert.deepEqual(
      slots.map(({ filename }) => filename as string),
      items(1000).map(({ filename }) => filename),
    );
    assert.deepEqual(commits, ['uploads.insert']);
    assert.equal(await slotsIn(h), 1000);
    for (const distinct of [idsOf(body), keysOf(body), slots.map(({ objectKey }) => objectKey as string)]) {
      assert.equal(new Set(distinct).size, 1000);
    }
    for (const at of [0, 499, 999]) {
      const key = await h.customerKey('acme', idsOf(body)[at] ?? '');
      assert.equal(key.headers()[KEY], keysOf(body)[at]);
    }
  });

  it('has for each item the very headers, fields and parts that a single slot has', async () => {
    const single = {
      ...item(5),
      crc32c: '4waSgw==',
      metadata: { case: '4711' },
      expiresInSeconds: 60,
    };
    const asks = [single, { ...single, method: 'POST' }, { ...single, method: 'multipart' }];
    const batch = await post({ uploads: asks });
    const secret = /customer-key|^key$|signature|policy|credential|date|expiresAt/i;
    const plain = ({ request: { url = '', headers, fields, ...rest } }: Json) => ({
      ...Object.fromEntries(Object.entries(rest as object).filter(([name]) => !secret.test(name))),
      signed: new URL(url as string, 'https://x').searchParams.get('X-Amz-SignedHeaders'),
      expires: new URL(url as string, 'https://x').searchParams.get('X-Amz-Expires'),
      sent: Object.entries((headers ?? fields ?? {}) as object).map(([name, value]) => [
        name,
        secret.test(name) ? typeof value : (value as string),
      ]),
    });
    for (const [index, ask] of asks.entries()) {
      const alone = await h.call('POST', '/v1/uploads', { token, body: ask });
      assert.equal(alone.status, 201, alone.text);
      const one = (batch.body.uploads as Json[])[index];
      assert.deepEqual(plain(one), plain(alone.body));
      assert.deepEqual(Object.keys(one as object), Object.keys(alone.body as object));
    }
  });

  it('of none, of 1,001, and what is no batch: 400, nothing stored', async () => {
    const wrong: [unknown, string][] = [
      [{ uploads: [] }, '/uploads'],
      [{ uploads: items(1001) }, '/uploads'],
      [{ uploads: [...items(1000), { size: -1 }] }, '/uploads'],
      [{}, '/uploads'],
      [{ uploads: 'x' }, '/uploads'],
      [{ uploads: items(1), more: 1 }, '/more'],
      [items(1), '/'],
      ['"x"', '/'],
    ];
    for (const [body, path] of wrong) {
      const answer = await post(body);
      assert.equal(answer.status, 400, answer.text.slice(0, 200));
      assert.equal(answer.body.code, 'invalid_request');
      assert.ok(pathsOf(answer.body).includes(path), path);
    }
    assert.equal((await post('{"uploads":[')).body.code, 'invalid_json');
    assert.deepEqual([commits, await slotsIn(h)], [[], 0]);
  });

  it('with bad items: 422 that names them all, malformed and against the policy at once, nothing stored', async () => {
    const uploads: unknown[] = items(10);
    const refuses = async (...expected: string[]) => {
      const answer = await post({ uploads }, 'never-used');
      assert.equal(answer.status, 422, answer.text);
      assert.equal(answer.body.code, 'batch_refused');
      assert.deepEqual(pathsOf(answer.body).sort(), expected);
    };
    uploads[3] = { ...item(3), size: '3' };
    await refuses('/uploads/3/size');
    uploads[5] = { ...item(5), contentType: 'image/png', size: 1_000_001 };
    await refuses('/uploads/3/size', '/uploads/5/contentType', '/uploads/5/size');
    uploads[7] = { ...item(7), expiresInSeconds: 3601, filename: '\0' };
    const late = ['/uploads/7/expiresInSeconds', '/uploads/7/filename'];
    await refuses('/uploads/3/size', '/uploads/5/contentType', '/uploads/5/size', ...late);
    uploads[3] = item(3);
    await refuses('/uploads/5/contentType', '/uploads/5/size', ...late);
    uploads[7] = item(7);
    await refuses('/uploads/5/contentType', '/uploads/5/size');
    uploads[5] = null;
    await refuses('/uploads/5');
    assert.deepEqual([commits, await slotsIn(h)], [[], 0]);
    uploads[5] = item(5);
    assert.equal((await post({ uploads }, 'never-used')).status, 201, 'a refusal does not use up the key');
  });

  it('with hundreds of malformed items: a hundred are named', async () => {
    const { status, body } = await post({
      uploads: items(300).map(() => ({ contentType: 7, filename: 7, size: 1 })),
    });
    assert.equal(status, 422);
    assert.equal(pathsOf(body).length, 100);
  });

  it('with a bad Idempotency-Key is a 400, whatever the items are', async () => {
    assert.equal((await post({ uploads: items(1) }, 'a b')).status, 400);
    assert.equal((await post({ uploads: [{}] }, 'a b')).status, 422);
    assert.equal(await slotsIn(h), 0);
  });

  it('over 1 MiB is 413; of almost that it is taken', async () => {
    const sized = (bytes: number) => {
      const uploads = items(1000).map((one) => ({ ...one, metadata: { a: 'x'.repeat(900) } }));
      const text = JSON.stringify({ uploads });
      return `${text}${' '.repeat(bytes - text.length)}`;
    };
    assert.equal((await post(sized(1024 * 1024 + 1))).body.code, 'body_too_large');
    assert.equal(await slotsIn(h), 0);
    assert.equal((await post(sized(1024 * 1024))).status, 201);
  });

  it('replayed: the same 1,000 in the same order with the same customer keys, by one commit', async () => {
    const body = { uploads: items(1000) };
    const first = await post(body, 'a');
    assert.equal(first.headers['idempotency-replayed'], undefined);
    commits.length = 0;
    const again = await post({ uploads: items(1000) }, 'a');
    assert.equal(again.status, 201);
    assert.equal(again.headers['idempotency-replayed'], 'true');
    assert.deepEqual(idsOf(again.body), idsOf(first.body));
    assert.deepEqual(keysOf(again.body), keysOf(first.body));
    assert.deepEqual(commits, ['uploads.extend']);
    assert.equal(await slotsIn(h), 1000);
  });

  it('replayed with another body, order or count, or as a single slot: 422', async () => {
    const uploads = items(3);
    await post({ uploads }, 'a');
    for (const other of [uploads.toReversed(), items(2), items(4)]) {
      const answer = await post({ uploads: other }, 'a');
      assert.deepEqual([answer.status, answer.body.code], [422, 'idempotency_key_reused']);
    }
    const one = await h.call('POST', '/v1/uploads', {
      token,
      body: item(0),
      headers: { 'idempotency-key': 'a' },
    });
    assert.equal(one.body.code, 'idempotency_key_reused');
    assert.equal(await slotsIn(h), 3);
  });

  it('replayed after one was deleted: that one without a request, the others as before', async () => {
    const body = { uploads: items(3) };
    const first = await post(body, 'a');
    const [, gone = ''] = idsOf(first.body);
    assert.equal((await h.call('DELETE', `/v1/uploads/${gone}`, { token })).status, 202);
    const again = await post(body, 'a');
    assert.equal(again.status, 201, again.text);
    assert.deepEqual(idsOf(again.body), idsOf(first.body));
    const states = (again.body.uploads as Json[]).map(({ state, request }) => [
      state as string,
      request !== undefined,
    ]);
    assert.deepEqual(states, [
      ['issued', true],
      ['deleting', false],
      ['issued', true],
    ]);
  });

  it('asked for by several at once is made once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => post({ uploads: items(20) }, 'a')));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201]);
    assert.equal(new Set(answers.map(({ body }) => keysOf(body).join())).size, 1);
    assert.equal(await slotsIn(h), 20);
  });
});
