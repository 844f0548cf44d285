import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { ROUTES } from '../../../src/app.ts';
import type { TenantLimits } from '../../../src/config/config.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import type { Store } from '../../../src/store/port.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, TENANT, type Harness } from '../../support/harness.ts';
import { watch } from '../../support/interference.ts';
import { ask, bearer, uploaded } from './asking.ts';
import { BODIES } from './bodies.ts';

const ABSENT = '018f0000-0000-7000-8000-000000000000';
const SLOT = { contentType: 'text/plain', size: 5 };
const ORIGIN = 'https://app.example.com';

describe('rate limits', () => {
  let h: Harness;
  let s3: FakeObjectStore;
  /** How often the store was asked to count. */
  let hits: number;
  /** Before each count. */
  let before: () => unknown;
  const limited = async (limits: TenantLimits) => {
    s3 = new FakeObjectStore();
    hits = 0;
    before = () => undefined;
    const counts = () => {
      hits += 1;
      return before();
    };
    const store = (inner: Store): Store => ({
      ...inner,
      rateLimits: watch('rateLimits', inner.rateLimits, [{ before: counts }]),
    });
    const tenants = { acme: { ...TENANT, limits }, globex: { ...TENANT, limits } };
    h = await makeHarness({ target: fakeTarget(s3), tenants, store, corsOrigins: [ORIGIN] });
  };
  afterEach(() => h[Symbol.asyncDispose]());

  const list = (token: string, headers: Record<string, string> = {}) =>
    h.call('GET', '/v1/uploads', { token, headers });
  const statuses = async (many: number, call: () => Promise<{ status: number }>) => {
    const answers = await Promise.all(Array.from({ length: many }, call));
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    assert.equal(count(200) + count(429), many);
    return { passed: count(200), refused: count(429) };
  };

  it('let through exactly as many as there may be, of 60 at once', async () => {
    await limited({ principal: { requestsPerMinute: 10 } });
    const token = await h.token();
    assert.deepEqual(await statuses(60, () => list(token)), { passed: 10, refused: 50 });
  });

  it('say how many are left and until when, and tell pages of it', async () => {
    await limited({ principal: { requestsPerMinute: 2 }, tenant: { requestsPerMinute: 50 } });
    const token = await h.token();
    const told = async (headers = {}) => {
      const answer = await list(token, headers);
      return { ...answer, limit: answer.headers['ratelimit'], policy: answer.headers['ratelimit-policy'] };
    };
    const first = await told({ origin: ORIGIN });
    assert.equal(first.policy, '"principal";q=2;w=60, "tenant";q=50;w=60');
    assert.equal(first.limit, '"principal";r=1;t=60, "tenant";r=49;t=60');
    const exposed = String(first.headers['access-control-expose-headers']).split(', ');
    for (const name of ['ratelimit', 'ratelimit-policy', 'retry-after'])
      assert.ok(exposed.includes(name), name);
    h.clock.now += 20_500;
    assert.equal((await told()).limit, '"principal";r=0;t=40, "tenant";r=48;t=40');
    const refused = await told();
    assert.equal(refused.limit, '"principal";r=0;t=40');
    assert.equal(refused.headers['retry-after'], '40');
    assert.equal(refused.headers['content-type'], 'application/problem+json');
    const { code, status, title, per } = refused.body;
    assert.deepEqual([code, status, title, per], ['rate_limited', 429, 'Too Many Requests', 'principal']);
  });

  it('begin anew when the minute is over, which begins with the first request', async () => {
    await limited({ principal: { requestsPerMinute: 3 } });
    const token = await h.token();
    assert.deepEqual(await statuses(2, () => list(token)), { passed: 2, refused: 0 });
    h.clock.now += 59_999;
    assert.deepEqual(await statuses(5, () => list(token)), { passed: 1, refused: 4 });
    h.clock.now += 1;
    assert.deepEqual(await statuses(5, () => list(token)), { passed: 3, refused: 2 });
  });

  it('are each principal’s own, and the tenant’s over all of them', async () => {
    await limited({ principal: { requestsPerMinute: 4 }, tenant: { requestsPerMinute: 10 } });
    const [a, b, c] = [
      await h.token(),
      await h.token('acme', undefined, 'b'),
      await h.token('acme', undefined, 'c'),
    ];
    assert.deepEqual(await statuses(20, () => list(a)), { passed: 4, refused: 16 });
    // What was refused to the first has not counted for the tenant.
    assert.deepEqual(await statuses(20, () => list(b)), { passed: 4, refused: 16 });
    assert.deepEqual(await statuses(20, () => list(c)), { passed: 2, refused: 18 });
    const { body } = await list(await h.token('acme', undefined, 'd'));
    assert.equal(body.per, 'tenant');
    assert.deepEqual(await statuses(5, async () => list(await h.token('globex'))), { passed: 4, refused: 1 });
  });

  it('do not ask the store about who has used them up', async () => {
    await limited({ principal: { requestsPerMinute: 1 } });
    const token = await h.token();
    for (const _ of [1, 2]) await list(token);
    assert.equal(hits, 2);
    for (const _ of [1, 2, 3]) assert.equal((await list(token)).status, 429);
    assert.equal(hits, 2);
    h.clock.now += 60_000;
    assert.equal((await list(token)).status, 200);
  });

  it('count a grant’s requests for itself, and tell it nothing of its tenant', async () => {
    await limited({ principal: { requestsPerMinute: 2 }, tenant: { requestsPerMinute: 7 } });
    const token = await h.token();
    const mint = async (): Promise<string> =>
      (await h.call('POST', '/v1/grants', { token, body: { count: 9 } })).body.token;
    const [one, other] = [await mint(), await mint()];
    const create = (by: string) => h.call('POST', '/v1/uploads', { token: by, body: SLOT });
    assert.equal((await list(token)).status, 429);
    const answer = await create(one);
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.headers['ratelimit'], '"principal";r=1;t=60');
    assert.equal(answer.headers['ratelimit-policy'], '"principal";q=2;w=60');
    await create(one);
    assert.equal((await create(one)).body.per, 'principal');
    assert.equal((await create(other)).status, 201);
    assert.equal((await create(other)).status, 201);
    const third = await h.token('acme', undefined, 'third');
    assert.equal((await list(third)).status, 200);
    assert.equal((await list(third)).body.per, 'tenant');
  });

  it('count those who come by links together, for nobody else', async () => {
    await limited({
      links: { requestsPerMinute: 3 },
      tenant: { requestsPerMinute: 50 },
      principal: { requestsPerMinute: 50 },
    });
    const token = await h.token();
    const { id } = await uploaded(h, s3, token, Buffer.from('bytes'));
    const linkTo = async () =>
      (await h.call('POST', `/v1/uploads/${id}/links`, { token })).body.url as string;
    const [one, other] = [await linkTo(), await linkTo()];
    for (const url of [one, other, one]) {
      const { status, headers } = await ask(h, 'GET', url);
      assert.deepEqual(
        [status, headers['ratelimit'], headers['ratelimit-policy']],
        [200, undefined, undefined],
      );
    }
    for (const method of ['GET', 'HEAD'] as const) {
      const { status, headers } = await ask(h, method, other);
      assert.deepEqual([status, headers['retry-after']], [429, '60']);
    }
    // Whoever has the right to the content itself is no such reader.
    assert.equal((await ask(h, 'GET', `/v1/uploads/${id}/content`, bearer(token))).status, 200);
    assert.match(String((await list(token)).headers['ratelimit']), /"tenant";r=44;/);
  });

  it('count a call that lacks its scope or its body', async () => {
    await limited({ principal: { requestsPerMinute: 2 } });
    const token = await h.token('acme', ['events:write'], 'narrow');
    assert.equal((await list(token)).status, 403);
    assert.equal((await h.call('POST', '/v1/events/s3', { token, body: 'x' })).status, 400);
    assert.equal((await list(token)).status, 429);
  });

  it('ask nothing of who has none', async () => {
    await limited({});
    const answer = await list(await h.token());
    assert.deepEqual([answer.status, answer.headers['ratelimit'], hits], [200, undefined, 0]);
  });

  it('let nobody through uncounted: without the store it is 503', async () => {
    await limited({ principal: { requestsPerMinute: 2 } });
    const token = await h.token();
    before = () => {
      throw new DependencyUnavailable('store', new Error('down'));
    };
    const answer = await list(token);
    assert.deepEqual([answer.status, answer.body.code], [503, 'dependency_unavailable']);
    assert.ok(answer.headers['retry-after']);
    before = () => undefined;
    assert.equal((await list(token)).status, 200);
  });

  it('count for the metrics by their kind, from 0 on', async () => {
    await limited({ principal: { requestsPerMinute: 1 } });
    const counted = async (labels: string) => {
      const text = await h.metrics.registry.metrics();
      return Number(new RegExp(`^sealslot_limited_total\\{${labels}\\} (\\d+)$`, 'm').exec(text)?.[1]);
    };
    const labels = 'limit="requests",per="principal"';
    assert.equal(await counted(labels), 0);
    assert.equal(await counted('limit="bytesPerDay",per="tenant"'), 0);
    assert.equal(await counted('limit="requests",per="links"'), 0);
    const token = await h.token();
    for (const _ of [1, 2, 3]) await list(token);
    assert.equal(await counted(labels), 2);
    assert.match(h.logged(), /"code":"rate_limited"/);
  });

  /** An uploaded slot, each call by another key. */
  async function uploadedBy(maker: (n: number) => Promise<string>): Promise<{ id: string }> {
    const { id, objectKey } = (await h.call('POST', '/v1/uploads', { token: await maker(1), body: SLOT }))
      .body;
    s3.put(objectKey as string, await h.customerKey('acme', id as string), {
      size: 5,
      contentType: 'text/plain',
    });
    const done = await h.call('POST', `/v1/uploads/${id}/complete`, { token: await maker(2) });
    assert.equal(done.status, 200, done.text);
    return { id };
  }

  it('are on every route of the table', async () => {
    await limited({ principal: { requestsPerMinute: 1 }, links: { requestsPerMinute: 1 } });
    const token = await h.token('acme', undefined, 'used up');
    const maker = async (n: number) => h.token('acme', undefined, `maker-${n}`);
    const { id } = await uploadedBy(maker);
    const made = await h.call('POST', `/v1/uploads/${id}/links`, { token: await maker(3) });
    const link = made.body.url as string;
    assert.equal((await ask(h, 'GET', link)).status, 200);
    assert.equal((await list(token)).status, 200);
    for (const { method, url, operationId, scopes } of ROUTES) {
      const body = BODIES[operationId];
      const { statusCode, body: text } = await h.app.inject({
        method,
        url: scopes === 'link' ? link : url.replace(':id', ABSENT),
        headers: {
          ...(scopes !== 'link' && bearer(token)),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { payload: JSON.stringify(body) }),
      });
      assert.equal(statusCode, 429, `${operationId}: ${text}`);
      if (method !== 'HEAD') assert.equal(JSON.parse(text).code, 'rate_limited');
    }
  });
});
