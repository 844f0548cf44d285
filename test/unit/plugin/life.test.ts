import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import Fastify from 'fastify';
import sealslotByDefault, {
  ConfigErrors,
  HostUnfit,
  sealslot,
  UnsafeToServe,
  type SealslotOptions,
} from '../../../src/index.ts';
import { startStubS3 } from '../../support/stub-s3.ts';
import { waitUntil } from '../../support/processes.ts';
import { call, hostWith, makeHost, place, SLOT } from './world.ts';

describe('an application that has sealslot', () => {
  it('ends what is under way before it closes the store, and leaves the store free', async () => {
    await using at = await place();
    let proceed = (): void => undefined;
    let asked = 0;
    const waiting = new Promise<void>((resolve) => (proceed = resolve));
    const authenticate: SealslotOptions['authenticate'] = async ({ user }) => {
      asked += 1;
      await waiting;
      return user;
    };
    const { app } = await hostWith(at, { authenticate });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const body = JSON.stringify(SLOT);
    const sent = request({
      ...{ host: '127.0.0.1', port, method: 'POST', path: '/v1/uploads' },
      headers: { cookie: 'session=alice', 'content-type': 'application/json', 'content-length': body.length },
    });
    const answered = once(sent, 'response') as Promise<[import('node:http').IncomingMessage]>;
    sent.end(body);
    await waitUntil('authenticate', () => asked === 1);
    const closed = app.close();
    await waitUntil('closing', () => !app.server.listening);
    proceed();
    const [answer] = await answered;
    assert.equal(answer.statusCode, 201);
    assert.equal(answer.headers.connection, 'close');
    answer.resume();
    await closed;
    assert.deepEqual((await app.sealslot.ready()).checks.store, 'failed');

    // The lock is free, and the slot is there.
    await using again = await hostWith(at);
    const { body: page } = await call(again.app, 'alice', 'GET', '/v1/uploads');
    assert.equal((page['uploads'] as unknown[]).length, 1);
  });

  it('reads its configuration again when told to', async () => {
    await using at = await place();
    await using host = await hostWith(at, { config: at.file });
    await writeFile(at.file, JSON.stringify({ ...at.document, cors: { origins: ['https://new.example'] } }));
    await host.app.sealslot.reload();
    const { headers } = await call(host.app, 'alice', 'GET', '/v1/uploads', {
      headers: { origin: 'https://new.example' },
    });
    assert.equal(headers['access-control-allow-origin'], 'https://new.example');
    await writeFile(at.file, 'store: 7');
    await host.app.sealslot.reload();
    assert.match(host.logged(), /configuration not reloaded; the old one stays in force/);
    assert.equal((await call(host.app, 'alice', 'GET', '/v1/uploads')).status, 200);
  });

  it('may have another beside it, with a store and a prefix of its own', async () => {
    await using one = await place();
    await using two = await place();
    const { app } = await makeHost();
    for (const [prefix, { document }] of [['/one', one] as const, ['/two', two] as const])
      await app.register(async (context) => {
        await context.register(sealslot, { config: document, prefix, authenticate: ({ user }) => user });
      });
    await app.ready();
    const { body } = await call(app, 'alice', 'POST', '/one/v1/uploads', { body: SLOT });
    const id = String(body['id']);
    assert.equal((await call(app, 'alice', 'GET', `/one/v1/uploads/${id}`)).status, 200);
    assert.equal((await call(app, 'alice', 'GET', `/two/v1/uploads/${id}`)).status, 404);
    assert.equal(app.hasDecorator('sealslot'), false, 'each belongs to its own context');
    await app.close();
  });

  it('has it below the prefix of the context that it is registered in', async () => {
    await using at = await place();
    const { app } = await makeHost();
    const options = {
      config: at.document,
      prefix: '/files',
      authenticate: () => ({ tenant: 'acme', subject: 'a', scopes: ['uploads:write'] }),
    };
    await app.register(
      async (context) => {
        await context.register(sealslot, options);
      },
      {
        prefix: '/api',
      },
    );
    const { headers } = await call(app, undefined, 'POST', '/api/files/v1/uploads', { body: SLOT });
    assert.match(String(headers.location), /^\/api\/files\/v1\/uploads\/[0-9a-f-]{36}$/);
    assert.deepEqual((await call(app, undefined, 'GET', '/api/nothing')).body, { hostError: 'nothing here' });
    await app.close();
  });

  it('may log elsewhere', async () => {
    await using at = await place();
    const lines: string[] = [];
    const note = (fields: unknown) => void lines.push(JSON.stringify(fields));
    const logger = { fatal: note, error: note, warn: note, info: note, debug: note };
    await using host = await hostWith(at, { logger });
    await call(host.app, 'alice', 'GET', '/v1/uploads');
    assert.ok(lines.some((line) => line.includes('"operation":"listUploads"')));
    assert.doesNotMatch(host.logged(), /listUploads/);
  });
});

describe('registering is refused', () => {
  it('by every mistake of the configuration at once, as a file and as an object, and leaves nothing open', async () => {
    await using at = await place();
    const wrong = {
      ...at.document,
      tenants: { acme: { target: 'nowhere', bucket: 'B' } },
      retention: { keySeconds: 'long' },
      lisen: {},
    };
    await writeFile(at.file, JSON.stringify(wrong));
    for (const config of [wrong, at.file]) {
      const { app } = await makeHost();
      await assert.rejects(
        async () => app.register(sealslot, { config }),
        (error) => {
          assert.ok(error instanceof ConfigErrors);
          const paths = error.mistakes.map(({ path }) => path);
          for (const path of ['lisen', 'retention.keySeconds', 'tenants.acme.target'])
            assert.ok(paths.includes(path), path);
          return true;
        },
      );
      await app.close().catch(() => undefined);
    }
    for (const config of [{}, { ...at.document, store: () => 'x' }, { store: 1n }])
      await assert.rejects(hostWith({ document: config as never }), ConfigErrors);
    await using _ = await hostWith(at);
  });

  it('by a configuration that lets links be made where the application has no room for them', async () => {
    await using at = await place();
    for (const options of [{}, { maxParamLength: 999 }, { routerOptions: { maxParamLength: 999 } }]) {
      const app = Fastify(options);
      await assert.rejects(
        async () => app.register(sealslot, { config: at.document }),
        /maxParamLength: 1000/,
      );
    }
    const { content: _, ...withoutLinks } = at.document;
    const app = Fastify();
    await app.register(sealslot, { config: withoutLinks });
    await app.close();
  });

  it('by what does not fit', async () => {
    await using at = await place();
    const { document } = at;
    for (const [options, says] of [
      [{ config: undefined }, /`config`/],
      [{ authenticate: 'session' }, /`authenticate`/],
      [{ authentificate: () => undefined }, /`authentificate` is no option; there are config, authenticate,/],
      [{ prefix: 'files' }, /`prefix`/],
      [{ prefix: '/files/' }, /`prefix`/],
      [{ prefix: '/:tenant' }, /`prefix`/],
      [{ prefix: '/*' }, /`prefix`/],
    ] as const)
      await assert.rejects(hostWith({ document }, options as object), (error) => {
        assert.ok(error instanceof HostUnfit);
        assert.match(error.message, says);
        return true;
      });
  });

  it('a second time in one context', async () => {
    await using at = await place();
    const second = await makeHost();
    await second.app.register(sealslotByDefault, { config: at.document });
    await assert.rejects(
      async () => second.app.register(sealslot, { config: at.document, prefix: '/two' }),
      /registered here already/,
    );
    await second.app.close().catch(() => undefined);
    await using _ = await hostWith(at);
  });

  it('by a store that another serves from, which goes on', async () => {
    await using at = await place();
    await using host = await hostWith(at);
    await assert.rejects(hostWith(at), { code: 'store_locked' });
    assert.equal((await call(host.app, 'alice', 'GET', '/v1/uploads')).status, 200);
  });

  it('by an S3 that would lose or leak keys; its reasons are told, and the store is free again', async () => {
    await using stub = await startStubS3({ fault: 'checks no signature' });
    await stub.createBucket('uploads');
    const { endpoint, caFile, region, accessKeyId, secretAccessKey } = stub;
    await using at = await place({ endpoint, caFile, region, accessKeyId, secretAccessKey });
    await assert.rejects(hostWith(at), (error) => {
      assert.ok(error instanceof UnsafeToServe);
      assert.ok(error.findings.some(({ outcome }) => outcome === 'unsafe'));
      assert.match(error.message, /bucket uploads on main: /);
      return true;
    });
    await using right = await startStubS3();
    await right.createBucket('uploads');
    const target = {
      ...(at.document['s3'] as { targets: { main: object } }).targets.main,
      endpoint: right.endpoint,
      caFile: right.caFile,
    };
    await using _ = await hostWith({ document: { ...at.document, s3: { targets: { main: target } } } });
  });
});
