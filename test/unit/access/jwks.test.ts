import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it, mock } from 'node:test';
import { jwtAuthenticator } from '../../../src/access/adapters/jwt.ts';
import type { Authenticator } from '../../../src/access/port.ts';
import type { IssuerConfig } from '../../../src/config/config.ts';
import { DependencyUnavailable, Unauthenticated } from '../../../src/errors.ts';
import { NOW, issuerConfig, jwt, testKey } from './issuer.ts';
import type { TestKey } from './issuer.ts';

const first = testKey('k1');
const second = testKey('k2');

function keySet(...keys: TestKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
}

function isUnavailable(error: unknown): boolean {
  assert.ok(error instanceof DependencyUnavailable);
  assert.equal(error.extra.dependency, 'jwks');
  assert.ok(error.cause instanceof Error);
  return true;
}

describe('keys from a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'jwks-test-'));
  const path = join(directory, 'jwks.json');
  const clock = { at: NOW };
  let version = 0;
  let authenticator: Authenticator;
  after(() => rmSync(directory, { recursive: true }));

  function write(text: string): void {
    writeFileSync(path, text);
    // Writes of one millisecond would otherwise look alike on coarse file systems.
    version += 1;
    utimesSync(path, version, version);
  }

  beforeEach(() => {
    clock.at = NOW;
    write(keySet(first));
    const issuers = [issuerConfig({ kind: 'file', path })];
    authenticator = jwtAuthenticator({ issuers, now: () => clock.at });
  });

  it('takes a new key as soon as it is in the file', async () => {
    await authenticator.authenticate(jwt(first));
    await assert.rejects(authenticator.authenticate(jwt(second)), Unauthenticated);
    write(keySet(first, second));
    assert.ok(await authenticator.authenticate(jwt(second)));
    assert.ok(await authenticator.authenticate(jwt(first)));
  });

  it('keeps what it read while the file is the same', async () => {
    await authenticator.authenticate(jwt(first));
    writeFileSync(path, keySet({ ...second }));
    utimesSync(path, version, version);
    await assert.rejects(authenticator.authenticate(jwt(second)), Unauthenticated);
  });

  it('stops trusting a removed key within a minute', async () => {
    await authenticator.authenticate(jwt(first));
    write(keySet(second));
    assert.ok(await authenticator.authenticate(jwt(first)));
    clock.at = NOW + 59_999;
    assert.ok(await authenticator.authenticate(jwt(first, { exp: NOW })));
    clock.at = NOW + 60_000;
    await assert.rejects(authenticator.authenticate(jwt(first, { exp: NOW })), Unauthenticated);
  });

  for (const [what, text] of [
    ['cut', '{"keys":['],
    ['no key set', '{}'],
  ] as const) {
    it(`cannot tell while the file is ${what}, and recovers`, async () => {
      write(text);
      await assert.rejects(authenticator.authenticate(jwt(first)), isUnavailable);
      write(keySet(first));
      assert.ok(await authenticator.authenticate(jwt(first)));
    });
  }

  it('cannot tell without the file', async () => {
    rmSync(path);
    await assert.rejects(authenticator.authenticate(jwt(first)), isUnavailable);
  });
});

describe('keys from a URL', () => {
  const answer = { status: 200, body: '', requests: 0 };
  const server = createServer((_, response) => {
    answer.requests += 1;
    response.writeHead(answer.status, { location: '/elsewhere', connection: 'close' }).end(answer.body);
  });
  let jwks: IssuerConfig['jwks'];
  let authenticator: Authenticator;

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    jwks = { kind: 'url', url: new URL(`http://127.0.0.1:${port}/jwks`) };
  });
  after(() => server.close());

  beforeEach(() => {
    // jose's cache and cooldown go by the system's time.
    mock.timers.enable({ apis: ['Date'], now: NOW });
    Object.assign(answer, { status: 200, body: keySet(first), requests: 0 });
    authenticator = jwtAuthenticator({ issuers: [issuerConfig(jwks)], now: () => NOW });
  });
  afterEach(() => mock.timers.reset());

  it('fetches once', async () => {
    await Promise.all([1, 2, 3].map(() => authenticator.authenticate(jwt(first))));
    await authenticator.authenticate(jwt(first));
    assert.equal(answer.requests, 1);
  });

  it('takes a new key after the cooldown, and asks no more often', async () => {
    await authenticator.authenticate(jwt(first));
    answer.body = keySet(second);
    mock.timers.tick(29_000);
    await assert.rejects(authenticator.authenticate(jwt(second)), Unauthenticated);
    await assert.rejects(authenticator.authenticate(jwt(second)), Unauthenticated);
    assert.equal(answer.requests, 1);
    mock.timers.tick(2_000);
    assert.ok(await authenticator.authenticate(jwt(second)));
    await assert.rejects(authenticator.authenticate(jwt(first)), Unauthenticated);
    assert.equal(answer.requests, 2);
  });

  it('stops trusting a removed key within ten minutes', async () => {
    await authenticator.authenticate(jwt(first));
    answer.body = keySet(second);
    mock.timers.tick(600_001);
    await assert.rejects(authenticator.authenticate(jwt(first)), Unauthenticated);
  });

  for (const [what, status, body] of [
    ['fails', 500, ''],
    ['redirects', 302, ''],
    ['answers no JSON', 200, '<html>'],
    ['answers no key set', 200, '{"keys":5}'],
  ] as const) {
    it(`cannot tell while the issuer ${what}, and recovers`, async () => {
      Object.assign(answer, { status, body });
      await assert.rejects(authenticator.authenticate(jwt(first)), isUnavailable);
      assert.equal(answer.requests, 1);
      Object.assign(answer, { status: 200, body: keySet(first) });
      assert.ok(await authenticator.authenticate(jwt(first)));
    });
  }

  it('cannot tell while nothing listens', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const url = new URL(`http://127.0.0.1:${port}/jwks`);
    const nobody = jwtAuthenticator({ issuers: [issuerConfig({ kind: 'url', url })], now: () => NOW });
    await assert.rejects(nobody.authenticate(jwt(first)), isUnavailable);
  });

  it('asks nobody about a token that names no configured issuer or a foreign key', async () => {
    for (const token of [jwt(first, { iss: 'x' }), jwt(first, {}, { jku: 'http://127.0.0.1/' })]) {
      await assert.rejects(authenticator.authenticate(token), Unauthenticated);
    }
    assert.equal(answer.requests, 0);
  });
});
