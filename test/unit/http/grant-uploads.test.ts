import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ROUTES } from '../../../src/app.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, TENANT, type Harness, type Json } from '../../support/harness.ts';
import { watch } from '../../support/interference.ts';
import type { Store } from '../../../src/store/port.ts';
import { ask, bearer, pathsOf, slotsIn, uploaded } from './asking.ts';
import { BODIES } from './bodies.ts';

const KEY = 'x-amz-server-side-encryption-customer-key';
const SLOT = { contentType: 'text/plain', size: 5 };
const PARTED = { ...SLOT, method: 'multipart' };
const ABSENT = '018f0000-0000-7000-8000-000000000000';

describe('by a grant', () => {
  let h: Harness;
  let s3: FakeObjectStore;
  let backend: string;
  /** Before each call of the store. */
  let before: (call: string) => unknown;
  beforeEach(async () => {
    s3 = new FakeObjectStore();
    before = () => undefined;
    const store = (inner: Store): Store => ({
      ...inner,
      uploads: watch('uploads', inner.uploads, [{ before: (call) => before(call) }]),
    });
    h = await makeHarness({ target: fakeTarget(s3), store });
    backend = await h.token('acme');
  });
  afterEach(() => h[Symbol.asyncDispose]());

  const mint = async (limits: object = {}): Promise<{ id: string; token: string; expiresAt: string }> => {
    const answer = await h.call('POST', '/v1/grants', { token: backend, body: { count: 10, ...limits } });
    assert.equal(answer.status, 201, answer.text);
    return answer.body;
  };
  const used = async ({ id }: { id: string }) =>
    (await h.call('GET', `/v1/grants/${id}`, { token: backend })).body.used as number;
  const create = (token: string, body: object = SLOT, key?: string) =>
    h.call('POST', '/v1/uploads', {
      token,
      body,
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    });
  const batch = (token: string, uploads: readonly object[], key?: string) =>
    h.call('POST', '/v1/uploads/batch', {
      token,
      body: { uploads },
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    });
  const made = async (token: string, body: object = SLOT): Promise<Json> => {
    const answer = await create(token, body);
    assert.equal(answer.status, 201, answer.text);
    return answer.body;
  };
  const refused = (answer: { status: number; body: Json; text: string }, status: number, code: string) => {
    assert.deepEqual([answer.status, answer.body.code], [status, code], answer.text);
    assert.ok(!answer.text.includes(KEY), 'a key is handed out');
  };

  describe('a browser', () => {
    it('gets slots, sends, completes: under the prefix, with the metadata of the grant', async () => {
      const { token } = await mint({ prefix: 'cases/4711', metadata: { case: '4711' } });
      const slot = await made(token, { ...SLOT, filename: 'a.txt', metadata: { page: '1', case: '4711' } });
      assert.match(
        slot.objectKey as string,
        new RegExp(`^acme/cases/4711/\\d{4}/\\d\\d/${String(slot.id)}/a.txt$`),
      );
      assert.deepEqual(slot.metadata, { page: '1', case: '4711' });
      const { headers } = slot.request;
      assert.deepEqual([headers['x-amz-meta-case'], headers['x-amz-meta-page']], ['4711', '1']);
      assert.ok(headers[KEY]);
      s3.put(slot.objectKey as string, await h.customerKey('acme', slot.id as string), {
        size: 5,
        contentType: 'text/plain',
        metadata: { page: '1', case: '4711' },
      });
      const done = await h.call('POST', `/v1/uploads/${String(slot.id)}/complete`, { token });
      assert.deepEqual([done.status, done.body.state], [200, 'uploaded'], done.text);
      const stored = await h.store.uploads.get('acme', slot.id as string);
      assert.match(stored?.principal ?? '', /^grant:/);
    });

    it('resumes: a fresh request, parts, what S3 has, the same slot by its Idempotency-Key', async () => {
      const grant = await mint();
      const { token } = grant;
      const first = await create(token, SLOT, 'file-1');
      const id = String(first.body.id);
      const again = await create(token, SLOT, 'file-1');
      assert.deepEqual(
        [again.status, again.body.id, again.headers['idempotency-replayed']],
        [201, id, 'true'],
      );
      assert.equal(again.body.request.headers[KEY], first.body.request.headers[KEY]);
      assert.equal((await h.call('POST', `/v1/uploads/${id}/request`, { token })).status, 200);
      const parted = `/v1/uploads/${String((await made(token, PARTED)).id)}/parts`;
      const parts = await h.call('POST', parted, { token, body: { partNumbers: [1] } });
      assert.equal(parts.status, 200, parts.text);
      assert.deepEqual((await h.call('GET', parted, { token })).body, { parts: [] });
      assert.equal(await used(grant), 2);
    });

    it('cancels its own slot while it is issued, and that stays counted', async () => {
      const grant = await mint({ count: 1 });
      const { id } = await made(grant.token);
      const cancelled = await h.call('DELETE', `/v1/uploads/${String(id)}`, { token: grant.token });
      assert.deepEqual([cancelled.status, cancelled.body.state], [202, 'deleting']);
      refused(await create(grant.token), 403, 'grant_exhausted');
      assert.equal(await used(grant), 1);
    });

    it('deletes nothing that is uploaded, its own neither', async () => {
      const { token } = await mint();
      const { id } = await uploaded(h, s3, token, Buffer.from('12345'));
      refused(await h.call('DELETE', `/v1/uploads/${String(id)}`, { token }), 403, 'insufficient_scope');
      assert.equal((await h.store.uploads.get('acme', id as string))?.state, 'uploaded');
    });

    it('has what its grant allows and nothing else of the API', async () => {
      const { token } = await mint();
      const own = String((await made(token)).id);
      const allowed = new Set(
        [
          'createUpload',
          'createUploads',
          'requestUpload',
          'requestParts',
          'listParts',
          'completeUpload',
        ].concat('deleteUpload'),
      );
      for (const { method, url, operationId, scopes } of ROUTES) {
        if (scopes === 'link' || allowed.has(operationId)) continue;
        const path = url.replace(':id', own);
        if (method === 'HEAD') {
          assert.equal((await ask(h, method, path, bearer(token))).status, 403, operationId);
          continue;
        }
        const body = BODIES[operationId];
        refused(await h.call(method, path, { token, body }), 403, 'insufficient_scope');
      }
    });
  });

  describe('no other slot is there', () => {
    it('of the tenant, of another grant, of another tenant: 404 as one that never was, in every call', async () => {
      const grant = await mint();
      const mine = await mint();
      const others: Json[] = [
        await made(backend),
        await made(backend, PARTED),
        await made(grant.token),
        await made(grant.token, PARTED),
        await uploaded(h, s3, backend, Buffer.from('12345')),
        await made(await h.token('globex')),
      ];
      const deleted = await made(backend);
      await h.call('DELETE', `/v1/uploads/${String(deleted.id)}`, { token: backend });
      const routes = ROUTES.filter(
        ({ url, scopes }) => url.startsWith('/v1/uploads/:id') && scopes !== 'link',
      );
      const seen = new Set<string>();
      for (const { method, url, operationId, scopes } of routes) {
        if (scopes === 'link' || !scopes.includes('uploads:write')) continue;
        seen.add(operationId);
        const told = async (id: string) => {
          const answer = await h.call(method, url.replace(':id', id), {
            token: mine.token,
            body: BODIES[operationId],
          });
          refused(answer, 404, 'upload_not_found');
          return answer.text.replaceAll(id, 'ID').replace(/"requestId":"[^"]+"/, '');
        };
        const absent = await told(ABSENT);
        for (const { id } of [...others, deleted])
          assert.equal(await told(id as string), absent, operationId);
      }
      assert.deepEqual([...seen].sort(), [
        'completeUpload',
        'deleteUpload',
        'listParts',
        'requestParts',
        'requestUpload',
      ]);
      for (const { id, state } of others.slice(0, 5))
        assert.equal((await h.store.uploads.get('acme', id as string))?.state, state);
    });

    it('by an Idempotency-Key of somebody else either: it makes one of its own', async () => {
      const one = await mint();
      const two = await mint();
      const ids = new Set<string>();
      for (const token of [backend, one.token, two.token])
        ids.add(String((await create(token, SLOT, 'the-same')).body.id));
      assert.equal(ids.size, 3);
      assert.deepEqual([await used(one), await used(two)], [1, 1]);
    });

    it('and the tenant’s principals see those of the grant, but have no keys of them', async () => {
      const { token } = await mint();
      const { id } = await made(token);
      assert.equal((await h.call('GET', `/v1/uploads/${String(id)}`, { token: backend })).status, 200);
      refused(
        await h.call('POST', `/v1/uploads/${String(id)}/request`, { token: backend }),
        403,
        'not_slot_owner',
      );
      assert.equal((await h.call('DELETE', `/v1/uploads/${String(id)}`, { token: backend })).status, 202);
    });
  });

  describe('each limit holds', () => {
    const limits = {
      maxSizeBytes: 100,
      contentTypes: ['text/plain', 'image/*'],
      methods: ['PUT'],
      metadata: { case: '4711', long: 'x'.repeat(1_000) },
    };
    const over: readonly (readonly [what: string, ask: object, paths: readonly string[]])[] = [
      ['size', { size: 101 }, ['/size']],
      ['type', { contentType: 'text/html' }, ['/contentType']],
      ['method', { method: 'POST' }, ['/method']],
      ['metadata, another value', { metadata: { case: '4712' } }, ['/metadata/case']],
      ['metadata, too much with the grant’s', { metadata: { a: 'y'.repeat(1_040) } }, ['/metadata']],
      [
        'all',
        { size: 101, contentType: 'a/b', method: 'POST', metadata: { case: '1' } },
        ['/size', '/contentType', '/method', '/metadata/case'],
      ],
    ];
    for (const [what, ask, paths] of over)
      it(`${what}: alone and in a batch it is refused at its place, and costs nothing`, async () => {
        const grant = await mint(limits);
        const one = await create(grant.token, { ...SLOT, ...ask });
        refused(one, 422, 'policy_refused');
        assert.deepEqual(pathsOf(one.body), paths);
        const several = await batch(grant.token, [SLOT, { ...SLOT, ...ask }, SLOT]);
        refused(several, 422, 'batch_refused');
        assert.deepEqual(
          pathsOf(several.body),
          paths.map((path) => `/uploads/1${path}`),
        );
        const beside = await batch(grant.token, [
          { ...SLOT, size: -1 },
          { ...SLOT, ...ask },
        ]);
        assert.deepEqual(pathsOf(beside.body), [
          '/uploads/0/size',
          ...paths.map((path) => `/uploads/1${path}`),
        ]);
        assert.deepEqual([await used(grant), await slotsIn(h)], [0, 0]);
        assert.equal((await create(grant.token)).status, 201);
      });

    it('the tenant’s policy too, when it has become stricter since', async () => {
      const grant = await mint({ maxSizeBytes: 100, prefix: 'a' });
      const policy = h.services.config.tenants as Record<string, typeof TENANT>;
      const before = policy['acme'] ?? TENANT;
      policy['acme'] = { ...before, maxSizeBytes: 4 };
      assert.deepEqual(pathsOf((await create(grant.token)).body), ['/size']);
      policy['acme'] = { ...before, objectKeyTemplate: '{id}' };
      for (const answer of [await create(grant.token), await batch(grant.token, [SLOT])]) {
        refused(answer, 422, 'policy_refused');
        assert.deepEqual(pathsOf(answer.body), ['grant/prefix']);
      }
      policy['acme'] = { ...before, objectKeyTemplate: `${'x'.repeat(1_000)}/{prefix}/{id}` };
      refused(await create(grant.token), 422, 'policy_refused');
      assert.equal(await used(grant), 0);
    });

    it('no tenant, no slots', async () => {
      const grant = await mint();
      Reflect.deleteProperty(h.services.config.tenants, 'acme');
      refused(await create(grant.token), 401, 'unauthenticated');
    });
  });

  describe('the count is exact', () => {
    it('of 100 at once by a grant of 10, ten are made and 90 are told that it is used up', async () => {
      const grant = await mint({ count: 10 });
      const answers = await Promise.all(Array.from({ length: 100 }, () => create(grant.token)));
      const statuses = Map.groupBy(answers, ({ status }) => status);
      assert.deepEqual([statuses.get(201)?.length, statuses.get(403)?.length], [10, 90]);
      for (const answer of statuses.get(403) ?? []) {
        refused(answer, 403, 'grant_exhausted');
        assert.equal(answer.body.left, 0);
        assert.equal(answer.headers['www-authenticate'], undefined);
      }
      assert.deepEqual([await used(grant), await slotsIn(h)], [10, 10]);
    });

    it('of batches at once too, all or none of each', async () => {
      const grant = await mint({ count: 10 });
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => batch(grant.token, [SLOT, PARTED, SLOT])),
      );
      assert.equal(answers.filter(({ status }) => status === 201).length, 3);
      const [last] = answers.filter(({ status }) => status === 403);
      assert.equal(last?.body.left, 1);
      assert.deepEqual([await used(grant), await slotsIn(h)], [9, 9]);
      assert.equal((await create(grant.token)).status, 201);
    });

    it('a batch over it is refused whole, before keys are wrapped for it', async () => {
      const grant = await mint({ count: 2 });
      let wrapped = 0;
      const wrapper = h.services.wrapper;
      Object.assign(h.services, { wrapper: watch('custody', wrapper, [{ before: () => (wrapped += 1) }]) });
      refused(await batch(grant.token, [SLOT, SLOT, SLOT]), 403, 'grant_exhausted');
      assert.deepEqual([wrapped, await used(grant), await slotsIn(h)], [0, 0, 0]);
    });

    it('replays cost nothing, when it is used up too, and in a race one is made', async () => {
      const grant = await mint({ count: 1 });
      const racing = await Promise.all(Array.from({ length: 20 }, () => create(grant.token, SLOT, 'once')));
      assert.deepEqual(new Set(racing.map(({ status }) => status)), new Set([201]));
      assert.equal(new Set(racing.map(({ body }) => String(body.id))).size, 1);
      assert.equal(racing.filter(({ headers }) => headers['idempotency-replayed'] === undefined).length, 1);
      assert.equal(await used(grant), 1);
      assert.equal((await create(grant.token, SLOT, 'once')).status, 201);
      refused(await create(grant.token, SLOT, 'twice'), 403, 'grant_exhausted');
      const several = await mint({ count: 2 });
      for (let n = 0; n < 3; n += 1)
        assert.equal((await batch(several.token, [SLOT, SLOT], 'b')).status, 201);
      assert.equal(await used(several), 2);
    });

    it('what fails costs nothing', async () => {
      const grant = await mint({ count: 1 });
      before = (call) => {
        if (call === 'uploads.insert') throw new Error('the store');
      };
      assert.equal((await create(grant.token)).status, 500);
      before = () => undefined;
      assert.equal(await used(grant), 0);
      assert.equal((await create(grant.token)).status, 201);
    });
  });

  describe('after its expiry', () => {
    it('no new slots, but what it began goes on: replay, request, parts, complete, cancel', async () => {
      const grant = await mint({ expiresInSeconds: 60 });
      const { token } = grant;
      const one = await create(token, SLOT, 'one');
      const several = await batch(token, [SLOT, PARTED], 'several');
      const parts = `/v1/uploads/${String((await made(token, PARTED)).id)}/parts`;
      h.clock.now = Date.parse(grant.expiresAt);
      refused(await create(token), 403, 'grant_expired');
      refused(await batch(token, [SLOT]), 403, 'grant_expired');
      refused(await create(token, SLOT, 'new'), 403, 'grant_expired');
      for (const again of [await create(token, SLOT, 'one'), await batch(token, [SLOT, PARTED], 'several')])
        assert.deepEqual([again.status, again.headers['idempotency-replayed']], [201, 'true']);
      const url = `/v1/uploads/${String(one.body.id)}`;
      assert.equal((await h.call('POST', `${url}/request`, { token })).status, 200);
      assert.equal((await h.call('POST', parts, { token, body: { partNumbers: [1] } })).status, 200);
      assert.equal((await h.call('GET', parts, { token })).status, 200);
      const { objectKey } = one.body as { objectKey: string };
      s3.put(objectKey, await h.customerKey('acme', String(one.body.id)), {
        size: 5,
        contentType: 'text/plain',
      });
      assert.equal((await h.call('POST', `${url}/complete`, { token })).status, 200);
      const other = String(several.body.uploads[0].id);
      assert.equal((await h.call('DELETE', `/v1/uploads/${other}`, { token })).status, 202);
      assert.equal(await used(grant), 4);
    });

    it('nothing at all once no slot of it can be issued any more', async () => {
      const grant = await mint({ expiresInSeconds: 60 });
      const { id } = await made(grant.token);
      h.clock.now = Date.parse(grant.expiresAt) + TENANT.slotSeconds * 1000;
      const answer = await h.call('POST', `/v1/uploads/${String(id)}/request`, { token: grant.token });
      refused(answer, 401, 'unauthenticated');
      assert.match(answer.body.detail as string, /has ended/);
    });
  });

  describe('once it is revoked', () => {
    const revoke = async ({ id }: { id: string }) => {
      const answer = await h.call('DELETE', `/v1/grants/${id}`, { token: backend });
      assert.equal(answer.status, 200, answer.text);
    };

    it('nothing goes on, whatever it began; others of the tenant do', async () => {
      const grant = await mint();
      const other = await mint();
      const { token } = grant;
      const { id } = (await create(token, SLOT, 'one')).body as { id: string };
      const parted = String((await made(token, PARTED)).id);
      await revoke(grant);
      for (const [method, url, body] of [
        ['POST', '/v1/uploads', SLOT],
        ['POST', '/v1/uploads/batch', { uploads: [SLOT] }],
        ['POST', `/v1/uploads/${id}/request`, {}],
        ['POST', `/v1/uploads/${id}/complete`, {}],
        ['POST', `/v1/uploads/${parted}/parts`, { partNumbers: [1] }],
        ['GET', `/v1/uploads/${parted}/parts`, undefined],
        ['DELETE', `/v1/uploads/${id}`, undefined],
      ] as const) {
        const answer = await h.call(method, url, { token, body });
        refused(answer, 401, 'unauthenticated');
        assert.match(answer.body.detail as string, /has been revoked/);
        assert.match(String(answer.headers['www-authenticate']), /invalid_token/);
      }
      refused(await create(token, SLOT, 'one'), 401, 'unauthenticated');
      assert.equal((await create(other.token)).status, 201);
      assert.equal((await h.call('GET', `/v1/uploads/${id}`, { token: backend })).body.state, 'issued');
    });

    it('a slot that is on its way is not made: the commit asks again', async () => {
      const grant = await mint();
      before = async (call) => {
        if (call === 'uploads.insert') await h.store.grants.revoke('acme', grant.id, h.clock.now);
      };
      for (const answer of [await create(grant.token), await batch(grant.token, [SLOT, SLOT])])
        refused(answer, 401, 'unauthenticated');
      before = () => undefined;
      assert.deepEqual([await used(grant), await slotsIn(h)], [0, 0]);
    });
  });
});
