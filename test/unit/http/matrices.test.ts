import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SCOPES } from '../../../src/access/principal.ts';
import { ROUTES } from '../../../src/app.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness } from '../../support/harness.ts';

const slotBody = { contentType: 'text/plain', size: 5 };
const absent = '018f0000-0000-7000-8000-000000000000';

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

  it('knows every route that the application has', () => {
    for (const { method, url } of ROUTES) assert.ok(h.app.hasRoute({ method, url }), url);
    const described = h.app.swagger().paths as Record<string, Record<string, unknown>>;
    const count = Object.values(described).reduce((sum, methods) => sum + Object.keys(methods).length, 0);
    assert.equal(count, ROUTES.length, 'a route that is not in the table would have no auth');
  });

  for (const route of ROUTES) {
    const url = (id: string) => route.url.replace(':id', id);
    const body = () => (route.operationId === 'createUpload' ? { body: slotBody } : {});
    const name = `${route.method} ${route.url}`;

    it(`${name}: no, malformed and unknown credentials are 401 with a challenge`, async () => {
      for (const authorization of [
        undefined,
        '',
        'Basic eDp5',
        'Bearer',
        'Bearer x y',
        `Bearer slk_${'0'.repeat(16)}_${'A'.repeat(43)}`,
      ]) {
        const answer = await h.call(route.method, url(mine), {
          ...body(),
          headers: authorization === undefined ? {} : { authorization },
        });
        assert.equal(answer.status, 401, `${String(authorization)}: ${answer.text}`);
        assert.equal(answer.body.code, 'unauthenticated');
        assert.match(String(answer.headers['www-authenticate']), /^Bearer realm="sealslot"/);
      }
    });

    for (const scope of SCOPES) {
      const allowed = route.scopes.includes(scope);
      it(`${name}: the scope ${scope} alone ${allowed ? 'is let in' : 'is 403'}`, async () => {
        const token = await h.token('acme', [scope], `only-${scope}`);
        const answer = await h.call(route.method, url(absent), { token, ...body() });
        if (!allowed) {
          assert.equal(answer.status, 403, answer.text);
          assert.equal(answer.body.code, 'insufficient_scope');
          assert.match(String(answer.headers['www-authenticate']), /error="insufficient_scope", scope="/);
        } else {
          assert.ok([200, 201, 404].includes(answer.status), answer.text);
        }
      });
    }

    if (route.url.includes(':id')) {
      it(`${name}: another tenant's slot is 404, word for word as one that never was`, async () => {
        const token = await h.token('globex');
        const theirs = await h.call(route.method, url(mine), { token, ...body() });
        const none = await h.call(route.method, url(absent), { token, ...body() });
        assert.equal(theirs.status, 404);
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

  it('key material goes to the maker only: another principal of the tenant gets 403, the same name rotated gets it', async () => {
    const other = await h.call('POST', `/v1/uploads/${mine}/request`, {
      token: await h.token('acme', SCOPES, 'other'),
    });
    assert.equal(other.status, 403);
    assert.equal(other.body.code, 'not_slot_owner');
    const rotated = await h.call('POST', `/v1/uploads/${mine}/request`, { token: await h.token('acme') });
    assert.equal(rotated.status, 200, rotated.text);
  });

  it('a maker without objects:delete takes back an issued slot, not another’s', async () => {
    const maker = await h.token('acme', ['uploads:write'], 'maker');
    const other = await h.token('acme', ['uploads:write'], 'stranger');
    const { body } = await h.call('POST', '/v1/uploads', { token: maker, body: slotBody });
    const refused = await h.call('DELETE', `/v1/uploads/${String(body.id)}`, { token: other });
    assert.equal(refused.status, 403);
    assert.equal(refused.body.code, 'insufficient_scope');
    const taken = await h.call('DELETE', `/v1/uploads/${String(body.id)}`, { token: maker });
    assert.equal(taken.status, 202);
  });

  it('the admin listener says ready only while store and custody work', async () => {
    assert.equal((await h.admin.inject('/livez')).statusCode, 200);
    assert.equal((await h.admin.inject('/readyz')).statusCode, 200);
    assert.match((await h.admin.inject('/metrics')).body, /sealslot_slots_total\{outcome="issued"\} \d/);
  });
});
