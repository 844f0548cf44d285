import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Fastify from 'fastify';
import { SCOPES } from '../../../src/access/principal.ts';
import { api, ROUTES } from '../../../src/app.ts';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import { createLogger } from '../../../src/http/log.ts';
import type { Route } from '../../../src/http/route.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness } from '../../support/harness.ts';
import { bearer } from './asking.ts';
import { BODIES } from './bodies.ts';

const slotBody = BODIES['createUpload'];
const absent = '018f0000-0000-7000-8000-000000000000';
const unknownKey = `slk_${'0'.repeat(16)}_${'A'.repeat(43)}`;
const forged = `e30.e30.${'A'.repeat(43)}`;

describe('route × tenant, scope and credentials, from the route table', () => {
  let h: Harness;
  let mine: string;
  before(async () => {
    h = await makeHarness({ target: fakeTarget(new FakeObjectStore()) });
    const made = await h.call('POST', '/v1/uploads', { token: await h.token('acme'), body: slotBody });
    assert.equal(made.status, 201, made.text);
    mine = made.body.id as string;
  });
  after(() => h[Symbol.asyncDispose]());

  const send = async ({ method, url, operationId }: Route, id: string, headers: Record<string, string>) => {
    const body = BODIES[operationId];
    const {
      statusCode,
      headers: answered,
      body: text,
    } = await h.app.inject({
      method,
      url: url.replace(':id', id).replace(':link', forged),
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { payload: JSON.stringify(body) }),
    });
    assert.equal(text === '', method === 'HEAD', text);
    return { status: statusCode, headers: answered, text };
  };
  /** HEAD has the status alone. */
  const says = (route: Route, text: string, code: string) => {
    if (route.method !== 'HEAD') assert.match(text, new RegExp(`"code":"${code}"`));
  };

  it('knows every route that the application has', async () => {
    for (const { method, url } of ROUTES) assert.ok(h.app.hasRoute({ method, url }), url);
    const known = new Set([...ROUTES.map(({ url }) => url), '/openapi.json']);
    const app = Fastify();
    const others: string[] = [];
    app.addHook('onRoute', ({ url }) => {
      if (!known.has(url) && !/^\/docs(\/|$)/.test(url)) others.push(url);
    });
    await app.register(api, {
      current: () =>
        ({ services: { config: { demo: { enabled: false }, overload: DEFAULTS.overload } } }) as never,
      logger: createLogger('silent'),
      metrics: h.metrics,
    });
    await app.close();
    assert.deepEqual(others, [], 'a route that is not in the table would have no auth');
  });

  it('has no two routes of one name, none without a scope or a link, and no open one', () => {
    assert.equal(new Set(ROUTES.map(({ operationId }) => operationId)).size, ROUTES.length);
    for (const { scopes, url } of ROUTES) {
      assert.equal(scopes === 'link', url === '/v1/content/:link', url);
      if (scopes !== 'link') assert.ok(scopes.length > 0 && scopes.every((scope) => SCOPES.includes(scope)));
    }
  });

  for (const route of ROUTES) {
    const name = `${route.method} ${route.url}`;
    const { scopes } = route;

    if (scopes === 'link') {
      it(`${name}: no credentials help, and none are asked for: a bad link is 404`, async () => {
        const good = bearer(await h.token());
        for (const headers of [{}, good, { authorization: 'Basic eDp5' }, bearer(unknownKey)]) {
          const answer = await send(route, mine, headers);
          assert.equal(answer.status, 404, answer.text);
          says(route, answer.text, 'link_invalid');
          assert.equal(answer.headers['www-authenticate'], undefined);
        }
      });
      continue;
    }

    it(`${name}: no, malformed and unknown credentials are 401 with a challenge`, async () => {
      const some = ['', 'Basic eDp5', 'Bearer', 'Bearer x y', `Bearer ${unknownKey}`];
      for (const headers of [{}, ...some.map((authorization) => ({ authorization }))]) {
        const answer = await send(route, mine, headers);
        assert.equal(answer.status, 401, `${JSON.stringify(headers)}: ${answer.text}`);
        says(route, answer.text, 'unauthenticated');
        assert.match(String(answer.headers['www-authenticate']), /^Bearer realm="sealslot"/);
      }
    });

    for (const scope of SCOPES) {
      const allowed = scopes.includes(scope);
      it(`${name}: the scope ${scope} alone ${allowed ? 'is let in' : 'is 403'}`, async () => {
        const token = await h.token('acme', [scope], `only-${scope}`);
        const answer = await send(route, absent, bearer(token));
        if (allowed) {
          const expected = route.url.includes(':id') ? 404 : route.success.status;
          assert.equal(answer.status, expected, answer.text);
          return;
        }
        assert.equal(answer.status, 403, answer.text);
        says(route, answer.text, 'insufficient_scope');
        assert.match(String(answer.headers['www-authenticate']), /error="insufficient_scope", scope="/);
      });
    }

    if (route.url.includes(':id')) {
      it(`${name}: another tenant's slot is 404, word for word as one that never was`, async () => {
        const credentials = bearer(await h.token('globex'));
        const theirs = await send(route, mine, credentials);
        const none = await send(route, absent, credentials);
        assert.equal(theirs.status, 404);
        assert.equal(none.status, 404);
        const plain = (answer: typeof theirs, id: string) =>
          answer.text.replaceAll(id, 'ID').replace(/"requestId":"[^"]+"/, '');
        assert.equal(plain(theirs, mine), plain(none, absent));
      });
    }
  }

  it('a list shows the own tenant only', async () => {
    const theirs = await h.call('GET', '/v1/uploads', { token: await h.token('globex') });
    assert.ok(!theirs.text.includes(mine));
    const own = await h.call('GET', '/v1/uploads', { token: await h.token('acme') });
    assert.ok(own.text.includes(mine));
  });

  it('the admin listener says ready only while store and custody work', async () => {
    assert.equal((await h.admin.inject('/livez')).statusCode, 200);
    assert.equal((await h.admin.inject('/readyz')).statusCode, 200);
    assert.match((await h.admin.inject('/metrics')).body, /sealslot_slots_total\{outcome="issued"\} \d/);
  });
});
