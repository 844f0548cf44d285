import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import type { VaultAuthConfig, VaultTransitConfig } from '../../../src/config/config.ts';
import { VaultFailure } from '../../../src/custody/adapters/vault-transit/errors.ts';
import type { KeyPlace } from '../../../src/custody/port.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { makeCa } from '../../support/ca.ts';
import type { Openbao } from '../../support/openbao.ts';
import { scratchFolder } from '../../support/s3-server.ts';

export const PLACE: KeyPlace = {
  purpose: 'object',
  tenant: 'acme',
  bucket: 'uploads',
  objectKey: 'acme/0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0d1e/a.pdf',
  slot: '0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0d1e',
  generation: 1,
};

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Told {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** `never` leaves a request without an answer, `reset` breaks its connection. */
type Instead = Told | 'never' | 'reset' | undefined;

/** What stands between the wrapper and its server; `undefined` asks the server itself. */
export type Between = (seen: Seen) => Instead | Promise<Instead>;

/** Sees all requests over TLS, and may answer them itself. */
export interface VaultWorld extends AsyncDisposable {
  readonly address: string;
  readonly caPem: string;
  readonly folder: string;
  readonly seen: Seen[];
  between: Between;
  /** A file in the folder, with a token or other secret. */
  secret(name: string, text: string): Promise<string>;
  config(key: string, auth: VaultAuthConfig, more?: Partial<VaultTransitConfig>): VaultTransitConfig;
  stop(): Promise<void>;
}

export async function vaultWorld(bao?: Openbao): Promise<VaultWorld> {
  const scratch = await scratchFolder('vault-world');
  const ca = await makeCa(join(scratch.path, 'tls'));
  const agent = new Agent({ keepAlive: true, ...(bao === undefined ? {} : { ca: bao.caPem }) });
  const seen: Seen[] = [];
  const tls = { cert: await readFile(ca.certFile), key: await readFile(ca.keyFile) };
  const server = createServer(tls, (incoming, outgoing) => {
    void (async () => {
      const { method = '', url: path = '', headers } = incoming;
      const body = await buffer(incoming);
      const one = { method, path, headers, body: body.toString() };
      seen.push(one);
      const told =
        (await world.between(one)) ?? (bao === undefined ? { status: 404 } : await passOn(bao, agent, one));
      if (told === 'reset') incoming.socket.destroy();
      if (told === 'never' || told === 'reset') return;
      outgoing.writeHead(told.status, told.headers);
      outgoing.end(told.body === undefined ? '' : JSON.stringify(told.body));
    })().catch(() => incoming.socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `https://localhost:${(server.address() as AddressInfo).port}`;
  const stop = async (): Promise<void> => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    await scratch.remove();
  };
  const world: VaultWorld = {
    address,
    caPem: ca.caPem,
    folder: scratch.path,
    seen,
    between: () => undefined,
    async secret(name, text) {
      const path = join(scratch.path, name);
      await writeFile(path, text, { mode: 0o600 });
      return path;
    },
    config: (key, auth, more = {}) => ({
      kind: 'vault-transit',
      address: new URL(address),
      mount: 'transit',
      key,
      namespace: undefined,
      ca: ca.caPem,
      auth,
      ...DEFAULTS.custody,
      ...more,
    }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return world;
}

async function passOn(bao: Openbao, agent: Agent, { method, path, headers, body }: Seen): Promise<Told> {
  const { promise, resolve, reject } = Promise.withResolvers<Told>();
  const call = request(`${bao.address}${path}`, { agent, method, headers }, (response) => {
    buffer(response).then((text) => {
      const status = response.statusCode ?? 0;
      resolve(text.length === 0 ? { status } : { status, body: JSON.parse(text.toString()) });
    }, reject);
  });
  call.on('error', reject);
  call.end(body);
  return promise;
}

/** An error that tells callers nothing but "later", and operators why. */
export const causedBy =
  (code: string, words: RegExp) =>
  (error: unknown): true => {
    assert.ok(error instanceof DependencyUnavailable, String(error));
    assert.equal(error.message, new DependencyUnavailable('custody', undefined).message);
    assert.ok(error.cause instanceof VaultFailure);
    assert.equal(error.cause.code, code);
    assert.match(error.cause.message, words);
    return true;
  };

/** What docs/custody.md gives as the smallest policy. */
export const minimalPolicy = (key: string): string =>
  ['encrypt', 'decrypt', 'rewrap']
    .map((kind) => `path "transit/${kind}/${key}" {\n  capabilities = ["update"]\n}\n`)
    .join('\n');

/** With it, the wrapper can also tell of the key, and learns its newest version without wrapping anything. */
export const readingPolicy = (key: string): string =>
  `${minimalPolicy(key)}\npath "transit/keys/${key}" {\n  capabilities = ["read"]\n}\n`;

/** A token that may do what the policy says, and nothing else: not even what `default` says. */
export async function tokenFor(bao: Openbao, name: string, policy: string): Promise<string> {
  await bao.request('PUT', `sys/policies/acl/${name}`, { policy });
  const { auth } = await bao.request('POST', 'auth/token/create', {
    policies: [name],
    no_default_policy: true,
  });
  return auth?.client_token ?? '';
}
