import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { decodeJwt } from 'jose';
import { Secret } from '../../../src/secret.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, TENANT, type Harness, type HarnessOptions, type Json } from '../../support/harness.ts';
import { pathsOf } from './asking.ts';

const FULL = {
  count: 3,
  maxSizeBytes: 1_000,
  contentTypes: ['image/*', 'text/plain'],
  methods: ['PUT'],
  prefix: 'cases/4711',
  metadata: { case: '4711' },
  expiresInSeconds: 60,
};

describe('grants over HTTP', () => {
  let h: Harness;
  let token: string;
  const start = async (options: Partial<HarnessOptions> = {}) => {
    h = await makeHarness({ target: fakeTarget(new FakeObjectStore()), ...options });
    token = await h.token('acme', ['grants:write'], 'backend');
  };
  const restart = async (options: Partial<HarnessOptions>) => {
    await h[Symbol.asyncDispose]();
    await start(options);
  };
  beforeEach(() => start());
  afterEach(() => h[Symbol.asyncDispose]());
  const post = (body: unknown) => h.call('POST', '/v1/grants', { token, body });
  const mint = async (body: object = { count: 1 }): Promise<Json> => {
    const answer = await post(body);
    assert.equal(answer.status, 201, answer.text);
    return answer.body;
  };
  const path = (grant: Json) => `/v1/grants/${String(grant.id)}`;

  it('are minted as asked for, with a token that is told once, and are stored nowhere else', async () => {
    const answer = await post(FULL);
    assert.equal(answer.status, 201, answer.text);
    const { id, token: bearer, createdAt, expiresAt, ...rest } = answer.body;
    const { expiresInSeconds: _, ...asked } = FULL;
    assert.deepEqual(rest, { ...asked, used: 0, createdBy: 'key:backend' });
    assert.equal(answer.headers['location'], `/v1/grants/${String(id)}`);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(Date.parse(createdAt as string), h.clock.now);
    assert.equal(Date.parse(expiresAt as string), Math.floor(h.clock.now / 1000 + 60) * 1000);
    assert.deepEqual(decodeJwt(bearer as string), {
      sub: id as string,
      tenant: 'acme',
      exp: Date.parse(expiresAt as string) / 1000 + TENANT.slotSeconds,
    });
    for (const url of [path(answer.body), '/v1/grants']) {
      const { text } = await h.call('GET', url, { token });
      assert.ok(text.includes(id as string) && !text.includes('token'), text);
    }
  });

  it('have no limits of their own unless asked for, and live 15 minutes', async () => {
    const { id, token: _, createdAt, expiresAt, ...rest } = await mint();
    assert.deepEqual(rest, { count: 1, used: 0, createdBy: 'key:backend' });
    const life = Date.parse(expiresAt as string) - Date.parse(createdAt as string);
    assert.ok(life > 899_000 && life <= 900_000, String(life));
    const { body } = await h.call('GET', `/v1/grants/${String(id)}`, { token });
    assert.deepEqual(body, { id, createdAt, expiresAt, ...rest });
  });

  it('live no longer than configured, unasked too', async () => {
    await restart({ grants: { maxSeconds: 30 } });
    const { createdAt, expiresAt } = await mint();
    assert.ok(Date.parse(expiresAt as string) - Date.parse(createdAt as string) <= 30_000);
    await mint({ count: 1, expiresInSeconds: 30 });
    const longer = await post({ count: 1, expiresInSeconds: 31 });
    assert.deepEqual([longer.status, longer.body.code], [400, 'invalid_request']);
    assert.deepEqual(pathsOf(longer.body), ['/expiresInSeconds']);
  });

  it('are listed newest first, page by page, each tenant’s own', async () => {
    const made = [await mint(), await mint(), await mint()].map(({ id }) => id as string).reverse();
    const page = (query: string) => h.call('GET', `/v1/grants${query}`, { token });
    const first = await page('?limit=2');
    assert.deepEqual(
      (first.body.grants as Json[]).map(({ id }) => id as string),
      made.slice(0, 2),
    );
    assert.equal(first.body.nextCursor, made[1]);
    const second = await page(`?limit=2&cursor=${String(first.body.nextCursor)}`);
    assert.deepEqual(
      (second.body.grants as Json[]).map(({ id }) => id as string),
      made.slice(2),
    );
    assert.equal(second.body.nextCursor, undefined);
    const others = await h.call('GET', '/v1/grants', { token: await h.token('globex') });
    assert.deepEqual(others.body, { grants: [] });
    for (const query of ['?limit=0', '?limit=101', '?cursor=x', '?state=issued', '?limit=a'])
      assert.equal((await page(query)).status, 400, query);
  });

  it('of another tenant are 404, word for word as those that never were, and are not revoked', async () => {
    const grant = await mint();
    const theirs = await h.token('globex');
    for (const method of ['GET', 'DELETE'] as const) {
      const plain = async (id: string) => {
        const answer = await h.call(method, `/v1/grants/${id}`, { token: theirs });
        assert.deepEqual([answer.status, answer.body.code], [404, 'grant_not_found']);
        return answer.text.replaceAll(id, 'ID').replace(/"requestId":"[^"]+"/, '');
      };
      assert.equal(await plain(grant.id as string), await plain('018f0000-0000-7000-8000-000000000000'));
    }
    assert.equal((await h.call('GET', path(grant), { token })).body.revokedAt, undefined);
  });

  it('are revoked by any backend of the tenant, and again without a change', async () => {
    const grant = await mint();
    const other = await h.token('acme', ['grants:write'], 'other');
    const first = await h.call('DELETE', path(grant), { token: other });
    assert.equal(first.status, 200);
    assert.equal(Date.parse(first.body.revokedAt as string), h.clock.now);
    h.clock.now += 1000;
    const second = await h.call('DELETE', path(grant), { token });
    assert.deepEqual([second.status, second.body], [200, first.body]);
    assert.deepEqual((await h.call('GET', path(grant), { token })).body, first.body);
  });

  it('are 501 where they are not configured, and their tokens let nobody in then', async () => {
    const grant = await mint();
    const secret = new Secret('a secret of the tests for grants alone');
    await restart({ grants: null });
    for (const [method, url, body] of [
      ['POST', '/v1/grants', { count: 1 }],
      ['GET', '/v1/grants', undefined],
      ['GET', path(grant), undefined],
      ['DELETE', path(grant), undefined],
    ] as const) {
      const answer = await h.call(method, url, { token, body });
      assert.deepEqual([answer.status, answer.body.code], [501, 'not_configured'], `${method} ${url}`);
      assert.match(answer.body.detail as string, /grants\.secretFiles/);
    }
    const slot = { contentType: 'text/plain', size: 5 };
    const used = await h.call('POST', '/v1/uploads', { token: grant.token as string, body: slot });
    assert.deepEqual([used.status, used.body.code], [401, 'unauthenticated']);
    assert.ok(!used.text.includes(secret.reveal()));
  });

  it('are logged by who minted them and by their ids, never as uploads, and without a token', async () => {
    const grant = await mint(FULL);
    await h.call('GET', path(grant), { token });
    await h.call('POST', '/v1/uploads', {
      token: grant.token as string,
      body: { contentType: 'text/plain', size: 5 },
    });
    await h.call('DELETE', path(grant), { token });
    await h.call('POST', '/v1/uploads', { token: grant.token as string, body: {} });
    const lines = h
      .logged()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const of = (operation: string) => lines.filter((line) => line.operation === operation);
    for (const operation of ['createGrant', 'getGrant', 'revokeGrant']) {
      const [line] = of(operation);
      assert.deepEqual([line.grantId, line.principal, line.uploadId], [grant.id, 'key:backend', undefined]);
    }
    const [made, refused] = of('createUpload');
    assert.deepEqual([made.principal, made.grantId], [`grant:${String(grant.id)}`, grant.id]);
    assert.deepEqual([refused.status, refused.error.message], [401, 'The grant has been revoked.']);
    for (const piece of [...(grant.token as string).split('.'), 'cases/4711'])
      assert.ok(!h.logged().includes(piece), piece);
  });

  it('leave the store some time after their end, a thousand a pass', async () => {
    await restart({ retention: { endedSeconds: 100 } });
    const grant = await mint({ count: 1, expiresInSeconds: 60 });
    const stored = (await h.store.grants.get('acme', grant.id as string))!;
    for (let n = 0; n < 1_000; n += 1)
      await h.store.grants.insert({
        ...stored,
        id: `01a2b3c4-0000-7000-8000-${n.toString().padStart(12, '0')}`,
        endsAt: stored.endsAt - 1,
      });
    h.clock.now = stored.endsAt + 100_000;
    await h.jobs.runOnce();
    assert.deepEqual(
      (await h.store.grants.list('acme', { limit: 9 })).map(({ id }) => id),
      [stored.id],
    );
    h.clock.now += 1;
    await h.jobs.runOnce();
    assert.equal((await h.call('GET', path(grant), { token })).status, 404);
  });
});

describe('what cannot be a grant', () => {
  const acme = {
    ...TENANT,
    maxSizeBytes: 1_000,
    contentTypes: ['image/*', 'text/plain'],
    methods: ['PUT', 'multipart'] as const,
  };
  const globex = { ...TENANT, objectKeyTemplate: '{id}' };
  const long = (bytes: number) => ({ a: 'x'.repeat(bytes - 1) });
  const bad: readonly (readonly [what: string, body: unknown, status: number, paths: readonly string[]])[] = [
    ['nothing', {}, 400, ['/count']],
    ['no object', [1], 400, ['/']],
    ['null', 'null', 400, ['/']],
    ...[0, -1, 10_001, 1.5, '1', null, true, [1], 2 ** 53].map(
      (count) => [`count ${JSON.stringify(count)}`, { count }, 400, ['/count']] as const,
    ),
    ...[0, -1, 1.5, '9', null, 2 ** 53].map(
      (maxSizeBytes) =>
        [`size ${JSON.stringify(maxSizeBytes)}`, { count: 1, maxSizeBytes }, 400, ['/maxSizeBytes']] as const,
    ),
    ...[0, -1, 3601, 604_801, 1.5, '60', null].map(
      (expiresInSeconds) =>
        [
          `life ${JSON.stringify(expiresInSeconds)}`,
          { count: 1, expiresInSeconds },
          400,
          ['/expiresInSeconds'],
        ] as const,
    ),
    ['no types', { count: 1, contentTypes: [] }, 400, ['/contentTypes']],
    ['one type, no list', { count: 1, contentTypes: 'image/png' }, 400, ['/contentTypes']],
    ['no type', { count: 1, contentTypes: ['image'] }, 400, ['/contentTypes/0']],
    ['a type in capitals', { count: 1, contentTypes: ['Image/PNG'] }, 400, ['/contentTypes/0']],
    ['*/*', { count: 1, contentTypes: ['*/*'] }, 400, ['/contentTypes/0']],
    ['a type with a line break', { count: 1, contentTypes: ['image/png\n'] }, 400, ['/contentTypes/0']],
    ['a type twice', { count: 1, contentTypes: ['image/png', 'image/png'] }, 400, ['/contentTypes']],
    [
      'too many types',
      { count: 1, contentTypes: Array.from({ length: 51 }, (_, n) => `image/${n}`) },
      400,
      ['/contentTypes'],
    ],
    ['no methods', { count: 1, methods: [] }, 400, ['/methods']],
    ['an unknown method', { count: 1, methods: ['put'] }, 400, ['/methods/0']],
    ['a method twice', { count: 1, methods: ['PUT', 'PUT'] }, 400, ['/methods']],
    ...[
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '..',
      'a/../b',
      './a',
      'a\\b',
      'a\nb',
      'a\u0000',
      'a\ud800',
      '$a',
      'x'.repeat(257),
      '€'.repeat(86),
    ].map(
      (prefix) =>
        [`prefix ${JSON.stringify(prefix.slice(0, 9))}`, { count: 1, prefix }, 400, ['/prefix']] as const,
    ),
    ['a prefix that is no text', { count: 1, prefix: 1 }, 400, ['/prefix']],
    ['metadata that is no map', { count: 1, metadata: ['a'] }, 400, ['/metadata']],
    ['a value that is no text', { count: 1, metadata: { a: 1 } }, 400, ['/metadata/a']],
    ['a value that is not ASCII', { count: 1, metadata: { a: 'ä' } }, 400, ['/metadata/a']],
    ['a value with a line break', { count: 1, metadata: { a: 'b\r\nx: y' } }, 400, ['/metadata/a']],
    ['a name in capitals', { count: 1, metadata: { A: 'b' } }, 400, ['/metadata/A']],
    [
      'a name that MinIO acts upon',
      { count: 1, metadata: { 'snowball-auto-extract': 'true' } },
      400,
      ['/metadata/snowball-auto-extract'],
    ],
    [
      'metadata over 2,048 bytes',
      { count: 1, metadata: { ...long(1_024), b: 'x'.repeat(1_024) } },
      400,
      ['/metadata'],
    ],
    ['another member', { count: 1, uploads: 1, scopes: ['objects:read'] }, 400, ['/uploads', '/scopes']],
    ['a tenant', { count: 1, tenant: 'globex' }, 400, ['/tenant']],
    ['more than the policy’s size', { count: 1, maxSizeBytes: 1_001 }, 422, ['/maxSizeBytes']],
    [
      'types beside the policy’s',
      { count: 1, contentTypes: ['image/png', 'text/*', '*'] },
      422,
      ['/contentTypes/1', '/contentTypes/2'],
    ],
    ['a method beside the policy’s', { count: 1, methods: ['PUT', 'POST'] }, 422, ['/methods/1']],
    [
      'all that the policy is against',
      { count: 1, maxSizeBytes: 9_999, contentTypes: ['a/b'], methods: ['POST'] },
      422,
      ['/maxSizeBytes', '/contentTypes/0', '/methods/0'],
    ],
  ];
  let h: Harness;
  let tokens: { acme: string; globex: string };
  beforeEach(async () => {
    h = await makeHarness({ target: fakeTarget(new FakeObjectStore()), tenants: { acme, globex } });
    tokens = { acme: await h.token('acme'), globex: await h.token('globex') };
  });
  afterEach(() => h[Symbol.asyncDispose]());
  const stored = async () =>
    (await Promise.all(['acme', 'globex'].map((tenant) => h.store.grants.list(tenant, { limit: 9 })))).flat();

  for (const [what, body, status, paths] of bad)
    it(`${what} is ${status} at ${paths.join(', ')}, and nothing is stored`, async () => {
      const answer = await h.call('POST', '/v1/grants', { token: tokens.acme, body });
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.body.code, status === 400 ? 'invalid_request' : 'policy_refused');
      assert.deepEqual(new Set(pathsOf(answer.body)), new Set(paths));
      assert.deepEqual(await stored(), []);
    });

  it('a prefix where the template has no place for one', async () => {
    const answer = await h.call('POST', '/v1/grants', {
      token: tokens.globex,
      body: { count: 1, prefix: 'a' },
    });
    assert.deepEqual([answer.status, answer.body.code], [422, 'policy_refused']);
    assert.deepEqual(pathsOf(answer.body), ['/prefix']);
    assert.deepEqual(await stored(), []);
  });

  it('an id that is none is 400', async () => {
    for (const method of ['GET', 'DELETE'] as const)
      for (const id of ['x', `${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}`, '%00'])
        assert.equal((await h.call(method, `/v1/grants/${id}`, { token: tokens.acme })).status, 400, id);
  });
});
