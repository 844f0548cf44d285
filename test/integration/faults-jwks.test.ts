import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { faultProxy, FAULTS, type FaultProxy } from '../support/fault-proxy.ts';
import { setUp, startService, type Answer } from '../support/service.ts';
import { jwt, testKey } from '../unit/access/issuer.ts';
import { temporaryFolder } from './support-custody.ts';
import {
  configure,
  endsWell,
  FAULT_YAML,
  handles,
  noMoreHandles,
  readiness,
  rounds,
  writeSecrets,
  type Call,
  type FaultWorld,
} from './support-faults.ts';

/** What the service gives an issuer: a constant of its own. */
const TIMEOUT_SECONDS = 5;
const key = testKey('one');
const issuerOf = (name: string): string => `https://${name}.example.com`;

describe('an issuer’s keys behind a faulty line', { timeout: 300_000 }, () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [key.jwk] }));
  });
  let proxy: FaultProxy;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let world: FaultWorld;

  const by = async (issuer: string, method: string, path: string, body?: object): Promise<Answer> => {
    const exp = Math.floor(Date.now() / 1000) + 600;
    const token = jwt(key, { iss: issuerOf(issuer), exp });
    return world.service.call(method, path, { body, headers: { authorization: `Bearer ${token}` } });
  };
  const slot = { contentType: 'text/plain', size: 5 };
  const callsFor = (issuer: string): readonly Call[] => [
    {
      name: 'a slot by an API key',
      ok: 201,
      needs: [],
      ask: ({ service }) => service.call('POST', '/v1/uploads', { body: slot }),
    },
    {
      name: 'a slot by a JWT whose key is known',
      ok: 201,
      needs: [],
      ask: () => by('warm', 'POST', '/v1/uploads', slot),
    },
    {
      name: 'the list by a JWT whose key is known',
      ok: 200,
      needs: [],
      ask: () => by('warm', 'GET', '/v1/uploads'),
    },
    {
      name: 'a slot by a JWT whose key is not known yet',
      ok: 201,
      needs: ['jwks'],
      ask: () => by(issuer, 'POST', '/v1/uploads', slot),
    },
    {
      name: 'the list by a JWT whose key is not known yet',
      ok: 200,
      needs: ['jwks'],
      ask: () => by(issuer, 'GET', '/v1/uploads'),
    },
  ];

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await faultProxy(`http://localhost:${(server.address() as AddressInfo).port}`);
    folder = await temporaryFolder();
    await writeSecrets(folder.path);
    const options = { dir: folder.path, yaml: FAULT_YAML };
    await setUp(folder.path, options);
    // One that nobody has asked for keys yet, for each fault.
    const issuers = ['warm', ...FAULTS].map((name) => ({
      issuer: issuerOf(name),
      audience: 'sealslot',
      jwksUrl: `${proxy.endpoint.origin}/jwks.json`,
      algorithms: ['ES256'],
      tenant: 'acme',
    }));
    await configure(folder.path, { 'auth.issuers': issuers });
    world = { service: await startService(options), handedOut: new Map(), answered: new Set() };
    assert.equal((await by('warm', 'GET', '/v1/uploads')).status, 200);
  });
  after(async () => {
    await world.service[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
    await folder[Symbol.asyncDispose]();
  });

  let open: number | undefined;
  for (const fault of FAULTS) {
    it(`${fault}: whose key is known is let in, others hear it in time, and it comes back`, async () => {
      const calls = callsFor(fault);
      await rounds(world, {}, { proxy, fault, down: 'jwks', calls, timeoutSeconds: TIMEOUT_SECONDS });
      open ??= await handles(world.service);
      await readiness(world.service, 200, {});
    });
  }

  it('nothing is leaked, and the end comes although the issuer hangs', async () => {
    await noMoreHandles(world.service, open ?? 0);
    await proxy.fail('half-open');
    await endsWell(world.service);
  });
});
