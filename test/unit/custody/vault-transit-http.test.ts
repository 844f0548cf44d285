import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { vaultTransitWrapper } from '../../../src/custody/adapters/vault-transit.ts';
import { failureOf, VaultFailure } from '../../../src/custody/adapters/vault-transit/errors.ts';
import { pathOf, vaultHttp } from '../../../src/custody/adapters/vault-transit/http.ts';
import type { VaultHttp, VaultHttpOptions } from '../../../src/custody/adapters/vault-transit/http.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { KeyRefused } from '../../../src/custody/errors.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { Secret } from '../../../src/secret.ts';
import { freePort, waitUntil } from '../../support/processes.ts';
import { causedBy, PLACE, vaultWorld } from './vault-transit-world.ts';
import type { VaultWorld } from './vault-transit-world.ts';

const TOKEN = 's.do-not-show';
const CALL = { method: 'POST', path: 'transit/encrypt/k', token: new Secret(TOKEN), body: { a: 1 } } as const;

describe('requests to Vault', () => {
  let world: VaultWorld;
  const open: VaultHttp[] = [];
  before(async () => {
    world = await vaultWorld();
  });
  beforeEach(() => {
    world.between = () => undefined;
    world.seen.length = 0;
  });
  after(async () => {
    for (const http of open) http.close();
    await world.stop();
  });

  function http(more: Partial<VaultHttpOptions> = {}): VaultHttp {
    const made = vaultHttp({
      id: 'vault',
      address: new URL(world.address),
      ca: world.caPem,
      namespace: undefined,
      timeoutSeconds: 5,
      ...more,
    });
    open.push(made);
    return made;
  }

  const unanswered = (why: RegExp) => (error: unknown) => {
    assert.ok(error instanceof DependencyUnavailable);
    assert.equal(error.message, new DependencyUnavailable('custody', undefined).message);
    assert.ok(error.cause instanceof VaultFailure);
    assert.match(error.cause.message, why);
    assert.match(
      error.cause.message,
      /^custody\.wrappers\.vault \(transit\/encrypt\/k\): Vault at (localhost|127\.0\.0\.1):/,
    );
    assert.ok(!inspect(error, { depth: Infinity, showHidden: true }).includes(TOKEN));
    return true;
  };

  it('go below the path of the address, with names encoded', async () => {
    world.between = () => ({ status: 200, body: { ok: true } });
    const below = http({ address: new URL(`${world.address}/vault/`) });
    assert.deepEqual(await below.send({ ...CALL, path: pathOf('a b/c', 'd?e#f') }), {
      status: 200,
      body: { ok: true },
    });
    assert.equal(world.seen[0]?.path, '/vault/v1/a%20b/c/d%3Fe%23f');
  });

  it('follow a standby to the active node, once', async () => {
    const location = `${world.address}/v1/active?x=1`;
    world.between = ({ path }) =>
      path === '/v1/active?x=1' ? { status: 200, body: {} } : { status: 307, headers: { location } };
    assert.equal((await http().send(CALL)).status, 200);
    assert.equal(world.seen[1]?.headers['x-vault-token'], TOKEN);
    assert.equal(world.seen[1].body, '{"a":1}');

    world.seen.length = 0;
    world.between = () => ({ status: 307, headers: { location } });
    assert.equal((await http().send(CALL)).status, 307);
    assert.equal(world.seen.length, 2);
  });

  it('follow nobody without TLS, and no other redirect', async () => {
    let requests = 0;
    const plain = createServer((_request, response) => {
      requests += 1;
      response.end();
    }).listen(0, '127.0.0.1');
    try {
      await once(plain, 'listening');
      const location = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/`;
      world.between = () => ({ status: 307, headers: { location } });
      await assert.rejects(http().send(CALL), unanswered(/not to an https address/));
      world.between = () => ({ status: 307 });
      await assert.rejects(http().send(CALL), unanswered(/not to an https address/));
      for (const status of [301, 302, 308]) {
        world.between = () => ({ status, headers: { location } });
        assert.equal((await http().send(CALL)).status, status);
      }
    } finally {
      plain.closeAllConnections();
      plain.close();
    }
    assert.equal(requests, 0);
    assert.equal(world.seen.length, 5);
  });

  it('are made once more when an idle connection ends at that moment, and only then', async () => {
    const kept = http();
    world.between = () => (world.seen.length === 2 ? 'reset' : { status: 200 });
    await kept.send(CALL);
    assert.equal((await kept.send(CALL)).status, 200);
    assert.equal(world.seen.length, 3);
    world.between = () => 'reset';
    await assert.rejects(http().send(CALL), unanswered(/ECONNRESET/));
    assert.equal(world.seen.length, 4);
  });

  it('take no answer longer than 1 MiB', async () => {
    world.between = () => ({ status: 200, body: 'x'.repeat(1024 * 1024) });
    await assert.rejects(http().send(CALL), unanswered(/too long/));
  });

  it('do not wait for ever', async () => {
    world.between = () => 'never';
    const refused = assert.rejects(http({ timeoutSeconds: 4 }).send(CALL), unanswered(/not in time/));
    await waitUntil('the request', () => world.seen.length === 1);
    await refused;
  });

  it('trust nobody without a certificate, and survive that nobody is there', async () => {
    await assert.rejects(
      http({ ca: undefined }).send(CALL),
      unanswered(/UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET/),
    );
    assert.equal(world.seen.length, 0);
    const address = new URL(`https://127.0.0.1:${await freePort()}`);
    await assert.rejects(http({ address }).send(CALL), unanswered(/ECONNREFUSED/));
    await assert.rejects(http({ address }).send(CALL), causedBy('ECONNREFUSED', /ECONNREFUSED/));
  });

  it('answer with what is not JSON as well', async () => {
    world.between = () => ({ status: 502 });
    assert.deepEqual(await http().send(CALL), { status: 502, body: undefined });
  });

  it('show neither key nor token when they fail, nor more than a few words of the answer', async () => {
    const tokenFile = await world.secret('token', TOKEN);
    const config = world.config('k', { kind: 'token', tokenFile });
    world.between = () => ({ status: 503 });
    const wrapper = await vaultTransitWrapper({ id: 'vault', config });
    const key = CustomerKey.generate();
    const shown: string[] = [];
    for (const told of [
      { status: 403, body: { errors: ['x'.repeat(5000)] } },
      { status: 400, body: { errors: ['y'.repeat(5000)], data: 'secret-data' } },
      { status: 500, body: 'secret-data' },
    ]) {
      // The key is there, and then all goes wrong.
      world.between = ({ path }) =>
        path.includes('/decrypt/')
          ? { status: 400, body: { errors: ['invalid ciphertext: no prefix'] } }
          : path.includes('/keys/')
            ? { status: 403 }
            : told;
      await wrapper.wrap(key, PLACE).catch((error: unknown) => {
        shown.push(inspect(error, { depth: Infinity, showHidden: true }));
      });
    }
    assert.equal(shown.length, 3);
    for (const text of shown) {
      assert.ok(!text.includes(TOKEN) && !text.includes('secret-data') && !/x{201}|y{201}/.test(text));
      assert.ok(!text.includes(key.bytes().toString('base64')));
    }
    wrapper.close();
  });
});

describe('what Vault answers', () => {
  const failure = (status: number, ...errors: string[]): KeyRefused | DependencyUnavailable =>
    failureOf({ status, body: { errors } }, 'where');

  const REFUSED = [
    [400, 'encryption key not found', 'kek_not_found'],
    [404, 'no handler for route "x/decrypt/k". route entry not found.', 'kek_not_found'],
    [400, 'cipher: message authentication failed', 'not_authentic'],
    [500, '1 error occurred:\n\t* cipher: message authentication failed\n\n', 'not_authentic'],
    [400, 'invalid ciphertext: unable to decrypt', 'not_authentic'],
    [400, 'invalid ciphertext: version is too new', 'not_authentic'],
    [400, 'ciphertext or signature version is disallowed by policy (too old)', 'kek_disabled'],
    [400, 'refusing to use soft-deleted key', 'kek_disabled'],
    [400, 'message decryption not supported for key type ed25519', 'kek_unfit'],
    [403, 'permission denied', 'access_denied'],
  ] as const;
  for (const [status, words, refusal] of REFUSED) {
    it(`is final: ${status} ${words.replace(/\s+/g, ' ')}`, () => {
      const error = failure(status, words);
      assert.ok(error instanceof KeyRefused);
      assert.equal(error.refusal, refusal);
      assert.ok(!error.message.includes('\n'));
      assert.match(error.message, /^where: /);
      assert.ok(error.message.includes(`Vault answered ${status}: `));
    });
  }

  for (const [status, ...words] of [
    [412, 'required index state not present'],
    [429],
    [500, 'internal error'],
    [502],
    [503, 'Vault is sealed'],
    [302],
    [200],
  ] as const) {
    it(`is for later: ${status} ${words.join('')}`, () => {
      const error = failure(status, ...words);
      assert.ok(error instanceof DependencyUnavailable);
      assert.equal(error.message, new DependencyUnavailable('custody', undefined).message);
      assert.ok(error.cause instanceof VaultFailure);
      assert.equal(error.cause.status, status);
      assert.ok(error.cause.message.startsWith(`where: Vault answered ${status}`));
    });
  }

  it('is for later when it is not in its form: some proxy answered', () => {
    for (const status of [400, 404, 405]) {
      const error = failureOf({ status, body: undefined }, 'where');
      assert.ok(error instanceof DependencyUnavailable);
      assert.deepEqual(error.extra, { dependency: 'custody' });
    }
  });
});
