import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
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
import { NOW, claims, encode, issuerConfig, jwt, testKey } from './issuer.ts';
import type { TestKey } from './issuer.ts';

const SECONDS = NOW / 1_000;
const key = testKey('k1');
const namesake = testKey('k1');
const second = testKey('k2');
const keySet = (...keys: TestKey[]): string => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });

// jose verifies by nothing else.
const verifications = mock.method(crypto.subtle, 'verify');
const verified = (): number => verifications.mock.callCount();
beforeEach(() => verifications.mock.resetCalls());
after(() => verifications.mock.restore());

const takes = async (authenticator: Authenticator, token: string): Promise<void> => {
  assert.equal((await authenticator.authenticate(token))?.tenant, 'fixed');
};
const refuses = (authenticator: Authenticator, token: string): Promise<void> =>
  assert.rejects(authenticator.authenticate(token), Unauthenticated);

function fromFile() {
  const directory = mkdtempSync(join(tmpdir(), 'jwt-known-'));
  const path = join(directory, 'jwks.json');
  const clock = { at: NOW };
  let version = 0;
  const make = (changes: Partial<IssuerConfig> = {}): Authenticator =>
    jwtAuthenticator({ issuers: [issuerConfig({ kind: 'file', path }, changes)], now: () => clock.at });
  /** Each time with a time of its own, however coarse the file system's. */
  const write = (text: string): void => {
    writeFileSync(path, text);
    version += 1;
    utimesSync(path, version, version);
  };
  return { directory, path, clock, make, write };
}

describe('a JWT that is known', () => {
  const { directory, clock, make, write } = fromFile();
  let authenticator: Authenticator;
  after(() => rmSync(directory, { recursive: true }));
  beforeEach(() => {
    clock.at = NOW;
    write(keySet(key));
    authenticator = make();
  });

  it('is the same principal, verified once', async () => {
    const token = jwt(key);
    const first = await authenticator.authenticate(token);
    assert.deepEqual(await authenticator.authenticate(token), first);
    assert.equal(verified(), 1);
  });

  it('is verified once by all who come with it at once', async () => {
    const token = jwt(key);
    const principals = await Promise.all([1, 2, 3, 4].map(() => authenticator.authenticate(token)));
    assert.equal(new Set(principals).size, 1);
    assert.equal(verified(), 1);
  });

  it('is refused to all who come with it at once', async () => {
    const token = jwt(namesake);
    await Promise.all([1, 2, 3, 4].map(() => refuses(authenticator, token)));
    assert.equal(verified(), 1);
  });

  it('is verified anew each time when it is not good', async () => {
    const token = jwt(namesake);
    await refuses(authenticator, token);
    await refuses(authenticator, token);
    assert.equal(verified(), 2);
  });

  it('ends with its exp and the tolerance, to the millisecond', async () => {
    const token = jwt(key, { exp: SECONDS + 30 });
    await takes(authenticator, token);
    clock.at = NOW + 34_999;
    await takes(authenticator, token);
    assert.equal(verified(), 1);
    clock.at = NOW + 35_000;
    await refuses(authenticator, token);
  });

  it('is not good before its nbf, though the clock was there already', async () => {
    const token = jwt(key, { nbf: SECONDS });
    await takes(authenticator, token);
    clock.at = NOW - 5_000;
    await takes(authenticator, token);
    clock.at = NOW - 5_001;
    await refuses(authenticator, token);
    clock.at = NOW;
    await takes(authenticator, token);
  });

  it('is judged by the time of who comes, also when another is verifying it', async () => {
    const token = jwt(key, { exp: SECONDS + 30 });
    const first = authenticator.authenticate(token);
    clock.at = NOW + 35_000;
    const later = authenticator.authenticate(token);
    assert.ok(await first);
    await assert.rejects(later, Unauthenticated);
  });

  it('is unknown to another authenticator, by other rules', async () => {
    const token = jwt(key);
    await takes(authenticator, token);
    await refuses(make({ audience: ['else'] }), token);
    await refuses(make({ algorithms: ['RS256'] }), token);
    await takes(make(), token);
    // By its audience a token is judged once its signature is good.
    assert.equal(verified(), 3);
  });

  it('makes no other text good', async () => {
    const token = jwt(key);
    await takes(authenticator, token);
    const [head = '', body = '', signature = ''] = token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      await refuses(authenticator, `${head}.${body}.${flipped.toString('base64url')}`);
    }
    for (const alg of ['none', 'None', 'HS256', 'RS256', 'ES384']) {
      const other = encode({ alg, typ: 'at+jwt', kid: 'k1' });
      await refuses(authenticator, `${other}.${body}.${signature}`);
      await refuses(authenticator, `${other}.${body}.`);
    }
    const pem = key.publicKey.export({ format: 'pem', type: 'spki' });
    const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: 'k1' })}.${body}`;
    await refuses(authenticator, `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`);
    await refuses(authenticator, `${head}.${encode({ ...claims, sub: 'root' })}.${signature}`);
    await refuses(authenticator, `${head}.${body}.`);
    assert.equal(await authenticator.authenticate(`${token}.`), undefined);
    await takes(authenticator, token);
  });

  it('is not put out by any number of tokens that are not good', async () => {
    const token = jwt(key);
    await takes(authenticator, token);
    const [head = '', body = ''] = token.split('.');
    // More than are kept.
    for (let n = 0; n < 10_001; n += 1)
      await refuses(authenticator, `${head}.${body}.${n.toString(36).padStart(4, '0')}`);
    verifications.mock.resetCalls();
    await takes(authenticator, token);
    assert.equal(verified(), 0);
  });
});

describe('a JWT that is known, by a key set in a file', () => {
  const { directory, path, clock, make, write } = fromFile();
  const token = jwt(key, { exp: SECONDS + 3_600 });
  let authenticator: Authenticator;
  after(() => rmSync(directory, { recursive: true }));
  beforeEach(async () => {
    clock.at = NOW;
    write(keySet(key));
    authenticator = make();
    await takes(authenticator, token);
    verifications.mock.resetCalls();
  });

  for (const [what, changed] of [
    ['its key has left', keySet(second)],
    ['another key has its kid', keySet(namesake)],
    ['the set is empty', '{"keys":[]}'],
  ] as const)
    it(`is refused within a minute when ${what}`, async () => {
      write(changed);
      clock.at = NOW + 59_999;
      await takes(authenticator, token);
      clock.at = NOW + 60_000;
      await refuses(authenticator, token);
      await refuses(authenticator, token);
    });

  it('is refused as soon as another token has shown that its key has left', async () => {
    write(keySet(second));
    await takes(authenticator, jwt(second));
    await refuses(authenticator, token);
  });

  it('is verified anew by a set that has another key beside its own', async () => {
    write(keySet(key, second));
    await takes(authenticator, jwt(second));
    await takes(authenticator, token);
    await takes(authenticator, token);
    assert.equal(verified(), 2);
  });

  it('stays known while the file is looked at and holds the same', async () => {
    for (const at of [60_000, 120_000, 180_000]) {
      clock.at = NOW + at;
      await takes(authenticator, token);
    }
    write(keySet(key));
    clock.at = NOW + 240_000;
    await takes(authenticator, token);
    assert.equal(verified(), 0);
  });

  it('is neither good nor bad while the file is gone, and good when it is back', async () => {
    rmSync(path);
    clock.at = NOW + 60_000;
    await assert.rejects(authenticator.authenticate(token), DependencyUnavailable);
    write(keySet(key));
    await takes(authenticator, token);
  });

  it('is not kept when its key has left while it was being verified', async () => {
    const fresh = jwt(key, { sub: 'user 2', exp: SECONDS + 3_600 });
    const entered = Promise.withResolvers<undefined>();
    const gate = Promise.withResolvers<undefined>();
    const verify = crypto.subtle.verify.bind(crypto.subtle);
    verifications.mock.mockImplementationOnce(async (...args: Parameters<typeof verify>) => {
      entered.resolve(undefined);
      await gate.promise;
      return verify(...args);
    });
    const slow = authenticator.authenticate(fresh);
    await entered.promise;
    write(keySet(second));
    await takes(authenticator, jwt(second));
    gate.resolve(undefined);
    assert.ok(await slow);
    await refuses(authenticator, fresh);
  });
});

describe('a JWT that is known, by a key set at a URL', () => {
  const answer = { status: 200, body: '', requests: 0 };
  const server = createServer((_, response) => {
    answer.requests += 1;
    response.writeHead(answer.status, { connection: 'close' }).end(answer.body);
  });
  const token = jwt(key, { exp: SECONDS + 3_600 });
  let authenticator: Authenticator;
  before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  after(() => server.close());
  beforeEach(async () => {
    // jose's cache and cooldown go by the system's time.
    mock.timers.enable({ apis: ['Date'], now: NOW });
    Object.assign(answer, { status: 200, body: keySet(key), requests: 0 });
    const { port } = server.address() as AddressInfo;
    const jwks = { kind: 'url', url: new URL(`http://127.0.0.1:${port}/jwks`) } as const;
    authenticator = jwtAuthenticator({ issuers: [issuerConfig(jwks)], now: Date.now });
    await takes(authenticator, token);
    verifications.mock.resetCalls();
  });
  afterEach(() => mock.timers.reset());

  for (const [what, changed] of [
    ['its key has left', keySet(second)],
    ['another key has its kid', keySet(namesake)],
  ] as const)
    it(`is refused within ten minutes when ${what}`, async () => {
      answer.body = changed;
      mock.timers.tick(599_999);
      await takes(authenticator, token);
      assert.equal(answer.requests, 1);
      mock.timers.tick(1);
      await refuses(authenticator, token);
      assert.equal(answer.requests, 2);
    });

  it('is refused as soon as another token has shown that its key has left', async () => {
    answer.body = keySet(second);
    mock.timers.tick(30_000);
    await takes(authenticator, jwt(second, { exp: SECONDS + 3_600 }));
    await refuses(authenticator, token);
  });

  it('stays known while what is fetched again is the same', async () => {
    for (let n = 0; n < 3; n += 1) {
      mock.timers.tick(600_000);
      await takes(authenticator, token);
    }
    assert.deepEqual([answer.requests, verified()], [4, 0]);
  });

  it('is neither good nor bad while the issuer does not say, and good when it does', async () => {
    mock.timers.tick(600_000);
    answer.status = 500;
    await assert.rejects(authenticator.authenticate(token), DependencyUnavailable);
    answer.status = 200;
    await takes(authenticator, token);
  });
});
