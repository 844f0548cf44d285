import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sealslot } from '../../../src/index.ts';
import { APP, call, hostWith, makeHost, place, SLOT, type Host, type Place } from './world.ts';

const PROBLEM = 'application/problem+json';

for (const prefix of ['', '/files', '/deep/er']) {
  describe(`sealslot in an application, ${prefix === '' ? 'without a prefix' : `below ${prefix}`}`, () => {
    let at: Place;
    let host: Host & AsyncDisposable;
    before(async () => {
      at = await place();
      host = await hostWith(at, { prefix });
    });
    after(async () => {
      await host[Symbol.asyncDispose]();
      await at[Symbol.asyncDispose]();
    });
    const ask = (session: string | undefined, method: Parameters<typeof call>[2], path: string, more = {}) =>
      call(host.app, session, method, prefix + path, more);
    const make = async (session: string) => {
      const made = await ask(session, 'POST', '/v1/uploads', { body: SLOT });
      assert.equal(made.status, 201, made.text);
      return { ...made, id: String(made.body['id']) };
    };

    it('gives slots to its callers, whose Location, documents and links lie below the prefix', async () => {
      const { id, headers, body } = await make('alice');
      assert.equal(headers.location, `${prefix}/v1/uploads/${id}`);
      assert.equal((body['request'] as { method: string }).method, 'PUT');
      assert.equal((await call(host.app, 'alice', 'GET', headers.location ?? '')).body['id'], id);
      const document = await ask(undefined, 'GET', '/openapi.json');
      assert.deepEqual(document.body['servers'], [{ url: prefix === '' ? '/' : prefix }]);
      const shown = await host.app.inject(`${prefix}/docs/json`);
      assert.deepEqual(JSON.parse(shown.body), document.body);
      const page = await host.app.inject(`${prefix}/docs/`);
      assert.match(page.body, /<div id="swagger-ui">/);
    });

    it('answers what its own schemas name, by its own serialiser', async () => {
      const { id, body } = await make('alice');
      assert.ok(!('host' in body));
      assert.deepEqual((await ask('alice', 'GET', '/v1/uploads?limit=1')).body['uploads'], [
        (await ask('alice', 'GET', `/v1/uploads/${id}`)).body,
      ]);
    });

    it('knows callers apart: only who has made a slot is given its key', async () => {
      const { id } = await make('alice');
      const other = await ask('bob', 'POST', `/v1/uploads/${id}/request`);
      assert.deepEqual([other.status, other.body['code']], [403, 'not_slot_owner']);
      assert.equal((await ask('alice', 'POST', `/v1/uploads/${id}/request`)).status, 200);
    });

    it('mints grants for callers of the application, and takes them as bearer tokens', async () => {
      const minted = await ask('alice', 'POST', '/v1/grants', { body: { count: 1 } });
      assert.equal(minted.status, 201, minted.text);
      assert.equal(minted.headers.location, `${prefix}/v1/grants/${String(minted.body['id'])}`);
      const headers = { authorization: `Bearer ${String(minted.body['token'])}` };
      assert.equal((await ask(undefined, 'POST', '/v1/uploads', { body: SLOT, headers })).status, 201);
      assert.equal((await ask(undefined, 'POST', '/v1/uploads', { body: SLOT, headers })).status, 403);
    });

    it('speaks its own way of what is wrong, and the application in its own', async () => {
      const ours = await ask('alice', 'POST', '/v1/uploads', { body: { contentType: 7, size: -1 } });
      assert.equal(ours.headers['content-type'], PROBLEM);
      assert.equal((ours.body['errors'] as unknown[]).length, 2);
      for (const [body, code] of [
        ['{', 'invalid_json'],
        ['', 'invalid_json'],
      ] as const)
        assert.equal((await ask('alice', 'POST', '/v1/uploads', { body })).body['code'], code);
      const text = { body: 'good', headers: { 'content-type': 'text/plain' } };
      const media = await ask('alice', 'POST', '/v1/uploads', text);
      assert.deepEqual([media.status, media.body['code']], [415, 'unsupported_media_type']);
      const method = await ask('alice', 'PUT', '/v1/uploads');
      assert.deepEqual([method.status, method.headers['allow']], [405, 'POST, GET']);

      const bad = await call(host.app, 'alice', 'POST', '/echo', { ...text, body: 'bad' });
      assert.deepEqual(bad.body, { hostError: 'the host says no' });
      assert.equal(bad.headers['x-request-id'], undefined);
      assert.deepEqual((await call(host.app, 'alice', 'POST', '/echo', text)).body, { echo: 'good' });
      assert.deepEqual((await call(host.app, 'alice', 'POST', '/slot')).body, {
        host: { made: 'by the host' },
      });
    });

    it('answers 404 below its prefix, and nowhere else', async () => {
      for (const path of ['/nothing', '/v1/nothing']) {
        const inside = await ask('alice', 'GET', path);
        assert.equal(inside.status, 404);
        if (prefix === '') assert.deepEqual(inside.body, { hostError: 'nothing here' });
        else {
          assert.equal(inside.body['code'], 'route_not_found');
          assert.ok(String(inside.body['detail']).includes(`${prefix}/openapi.json`));
        }
      }
      for (const path of ['/nothing', `${prefix}x`, '/']) {
        const outside = await call(host.app, 'alice', 'GET', path);
        assert.deepEqual([outside.status, outside.body], [404, { hostError: 'nothing here' }]);
      }
    });

    it('adds no header, route, decorator or schema to the application', async () => {
      const hello = await call(host.app, undefined, 'GET', '/hello', { headers: { origin: APP } });
      assert.deepEqual(hello.body, { hello: 'host' });
      for (const name of ['x-request-id', 'cache-control', 'content-security-policy'])
        assert.equal(hello.headers[name], undefined, name);
      assert.equal(hello.headers['access-control-allow-origin'], 'https://host.example');
      assert.equal(host.app.hasRequestDecorator('served'), false);
      assert.equal(host.app.hasReplyDecorator('helmet'), false);
      assert.deepEqual(Object.keys(host.app.getSchemas()).sort(), ['Problem', 'Slot']);
      const document = host.app.swagger() as { info: { title: string }; paths: object };
      assert.equal(document.info.title, 'host');
      assert.deepEqual(Object.keys(document.paths).sort(), ['/echo', '/hello', '/slot']);
    });

    it('lets the hooks of the application come first, and what they refuse stay theirs', async () => {
      const count = host.seen.length;
      const ended = await ask('ended', 'GET', '/v1/uploads');
      assert.deepEqual([ended.status, ended.body], [440, { hostError: 'log in again' }]);
      const banned = await ask('banned', 'GET', '/v1/uploads');
      assert.deepEqual([banned.status, banned.body], [451, { host: 'gone' }]);
      assert.equal(host.seen.length, count + 2);
      assert.match(host.logged(), /"operation":"listUploads","status":440/);
    });

    it('logs to the application what may be logged, and no URL: a link is a secret', async () => {
      const link = `e30.e30.${'A'.repeat(43)}`;
      assert.equal((await ask(undefined, 'GET', `/v1/content/${link}`)).status, 404);
      for (const more of ['/', '/x', '/x/y']) {
        const { status, body } = await ask(undefined, 'GET', `/v1/content/${link}${more}`);
        assert.deepEqual([status, body['code']], [404, 'route_not_found']);
      }
      await call(host.app, 'alice', 'GET', '/hello');
      const { id } = await make('alice');
      const logged = host.logged();
      assert.match(logged, /"url":"\/hello"/);
      assert.ok(!logged.includes(link), 'the link is logged');
      assert.match(
        logged,
        new RegExp(`"principal":"host:alice".*"uploadId":"${id}"|"actor":"host:alice".*"uploadId":"${id}"`),
      );
      assert.match(logged, /"operation":"readLink"/);
    });

    it('says whether it is ready, and counts', async () => {
      assert.deepEqual(await host.app.sealslot.ready(), {
        ready: true,
        checks: { store: 'ok', custody: 'ok' },
      });
      assert.match(
        await host.app.sealslot.metrics.metrics(),
        /sealslot_slots_total\{outcome="issued"\} [1-9]/,
      );
    });
  });
}

describe('an application with a serialiser for whole answers', () => {
  it('gets none of ours to write: keys are in them', async () => {
    await using at = await place();
    const { app } = await makeHost();
    const written: unknown[] = [];
    app.setReplySerializer((payload) => {
      written.push(payload);
      return JSON.stringify({ host: payload });
    });
    try {
      await app.register(sealslot, { config: at.document, authenticate: ({ user }) => user });
      const made = await call(app, 'alice', 'POST', '/v1/uploads', { body: SLOT });
      assert.deepEqual([made.status, made.body['state'], written], [201, 'issued', []]);
      assert.deepEqual((await call(app, 'alice', 'GET', '/hello')).body, { host: { hello: 'host' } });
    } finally {
      await app.close();
    }
  });
});
