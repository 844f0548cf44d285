import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { vaultTransitWrapper } from '../../../src/custody/adapters/vault-transit.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { KeyRefused } from '../../../src/custody/errors.ts';
import type { Refusal } from '../../../src/custody/errors.ts';
import type { KeyWrapper } from '../../../src/custody/port.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { available } from '../../support/available.ts';
import { OpenbaoError, startOpenbao } from '../../support/openbao.ts';
import {
  causedBy,
  minimalPolicy,
  PLACE,
  readingPolicy,
  tokenFor,
  vaultWorld,
} from './vault-transit-world.ts';
import type { Seen, VaultWorld } from './vault-transit-world.ts';

const openbao = await available(startOpenbao);
const encrypts = ({ path }: Seen): boolean => path.includes('/encrypt/');

describe('a vault-transit wrapper at its start', { skip: openbao.skip }, () => {
  let world: VaultWorld;
  before(async () => {
    world = await vaultWorld(openbao.get());
  });
  beforeEach(() => {
    world.between = () => undefined;
    world.seen.length = 0;
  });
  after(async () => {
    await world.stop();
    await openbao.stop();
  });

  const makeKey = (key: string, settings: unknown): Promise<unknown> =>
    openbao.get().request('POST', `transit/keys/${key}`, settings);

  async function start(key: string, policy: string): Promise<KeyWrapper> {
    const tokenFile = await world.secret('token', await tokenFor(openbao.get(), `only-${key}`, policy));
    return vaultTransitWrapper({ id: 'vault', config: world.config(key, { kind: 'token', tokenFile }) });
  }

  async function refused(started: Promise<KeyWrapper>, refusal: Refusal, message: RegExp): Promise<void> {
    await assert.rejects(started, (error: unknown) => {
      assert.ok(error instanceof KeyRefused, String(error));
      assert.equal(error.refusal, refusal);
      assert.match(error.message, message);
      return true;
    });
  }

  const UNFIT: readonly (readonly [name: string, settings: unknown, seen: RegExp, read: RegExp])[] = [
    ['not-derived', {}, /not `derived`: it opens keys of another purpose, tenant/, /not `derived`/],
    ['convergent', { derived: true, convergent_encryption: true }, /equal keys look equal/, /convergent/],
    ['rsa', { type: 'rsa-2048' }, /another purpose|not `derived`/, /not `derived`/],
  ];
  for (const [key, settings, seen, read] of UNFIT) {
    it(`refuses a key that is ${key}, by what it does and by what Vault says`, async () => {
      await makeKey(key, settings);
      await refused(start(key, minimalPolicy(key)), 'kek_unfit', seen);
      await refused(start(key, readingPolicy(key)), 'kek_unfit', read);
    });
  }

  it('refuses keys of 128 bits, and those that cannot encrypt', async () => {
    await makeKey('short', { derived: true, type: 'aes128-gcm96' });
    await refused(start('short', readingPolicy('short')), 'kek_unfit', /aes256-gcm96/);
    await makeKey('signs', { derived: true, type: 'ed25519' });
    await refused(start('signs', minimalPolicy('signs')), 'kek_unfit', /not supported/);
  });

  for (const type of ['aes256-gcm96', 'chacha20-poly1305', 'xchacha20-poly1305']) {
    it(`takes a derived key of the type ${type}`, async () => {
      await makeKey(type, { derived: true, type });
      const wrapper = await start(type, readingPolicy(type));
      const key = CustomerKey.generate();
      assert.ok((await wrapper.unwrap(await wrapper.wrap(key, PLACE), PLACE)).equals(key));
      wrapper.close();
    });
  }

  it('refuses a key that does not exist, and never makes it, even when it may', async () => {
    const policy =
      'path "transit/+/misspelt" { capabilities = ["create", "update"] }\n' +
      'path "transit/keys/misspelt" { capabilities = ["read"] }';
    await refused(start('misspelt', policy), 'kek_not_found', /no such transit key/);
    assert.ok(!world.seen.some(encrypts));
    await assert.rejects(openbao.get().request('GET', 'transit/keys/misspelt'), OpenbaoError);
  });

  it('refuses a mount that does not exist', async () => {
    const tokenFile = await world.secret('token', openbao.get().rootToken);
    const config = world.config('any', { kind: 'token', tokenFile }, { mount: 'transitt' });
    await refused(vaultTransitWrapper({ id: 'vault', config }), 'kek_not_found', /no such transit key/);
  });

  it('refuses a token that may not', async () => {
    await makeKey('denied', { derived: true });
    await refused(
      start('denied', 'path "transit/decrypt/denied" { capabilities = ["update"] }'),
      'access_denied',
      /^custody\.wrappers\.vault \(transit\/encrypt\/denied\): Vault answered 403: .*permission denied/,
    );
    await refused(
      start('denied', 'path "transit/encrypt/denied" { capabilities = ["update"] }'),
      'access_denied',
      /transit\/decrypt\/denied\): Vault answered 403/,
    );
  });

  it('says that the key is gone, when it has gone since', async () => {
    await makeKey('gone', { derived: true });
    const wrapper = await start('gone', minimalPolicy('gone'));
    const wrapped = await wrapper.wrap(CustomerKey.generate(), PLACE);
    await openbao.get().request('POST', 'transit/keys/gone/config', { deletion_allowed: true });
    await openbao.get().request('DELETE', 'transit/keys/gone');
    const gone = { code: 'key_refused', refusal: 'kek_not_found' };
    await assert.rejects(wrapper.wrap(CustomerKey.generate(), PLACE), gone);
    await assert.rejects(wrapper.unwrap(wrapped, PLACE), gone);
    await assert.rejects(wrapper.rewrap(wrapped, PLACE), gone);
    wrapper.close();
  });

  it('starts without a server, and proves the key once before it first wraps', async () => {
    await makeKey('later', { derived: true });
    world.between = () => ({ status: 503, body: { errors: ['Vault is sealed'] } });
    const wrapper = await start('later', minimalPolicy('later'));
    const wrap = (): Promise<unknown> => wrapper.wrap(CustomerKey.generate(), PLACE);
    await assert.rejects(wrap(), DependencyUnavailable);
    const [kek] = await wrapper.keks();
    assert.equal(kek?.state, 'unknown');
    assert.match(kek.detail ?? '', /Vault answered 503: Vault is sealed/);
    assert.ok(!world.seen.some(encrypts));

    world.between = () => undefined;
    world.seen.length = 0;
    await Promise.all([wrap(), wrap(), wrap()]);
    const probes = world.seen.filter(({ body }) => body.includes('"ciphertext":"none"'));
    assert.equal(probes.length, 1);
    world.seen.length = 0;
    await wrap();
    assert.equal(world.seen.length, 1);
    wrapper.close();
  });

  it('tells why a server was never reached', async () => {
    const tokenFile = await world.secret('token', 's.any');
    const config = world.config('any', { kind: 'token', tokenFile }, { ca: undefined });
    const wrapper = await vaultTransitWrapper({ id: 'vault', config });
    const [kek] = await wrapper.keks();
    assert.equal(kek?.state, 'unknown');
    assert.match(kek.detail ?? '', /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN/);
    wrapper.close();
  });

  it('never wraps under a key that turns out unfit when the server is back', async () => {
    await makeKey('unfit-later', {});
    world.between = () => ({ status: 503, body: { errors: ['Vault is sealed'] } });
    const wrapper = await start('unfit-later', readingPolicy('unfit-later'));
    world.between = () => undefined;
    const unfit = { code: 'key_refused', refusal: 'kek_unfit' };
    await assert.rejects(wrapper.wrap(CustomerKey.generate(), PLACE), unfit);
    await assert.rejects(wrapper.wrap(CustomerKey.generate(), PLACE), unfit);
    assert.ok(!world.seen.some(encrypts));
    wrapper.close();
  });

  it('outlives a sealed server', async () => {
    await makeKey('sealed', { derived: true });
    const wrapper = await start('sealed', minimalPolicy('sealed'));
    const key = CustomerKey.generate();
    const wrapped = await wrapper.wrap(key, PLACE);
    await openbao.get().request('PUT', 'sys/seal');
    const sealed = causedBy('VaultAnswer', /503: .*sealed/);
    await assert.rejects(wrapper.wrap(key, PLACE), sealed);
    await assert.rejects(wrapper.unwrap(wrapped, PLACE), sealed);
    await assert.rejects(wrapper.rewrap(wrapped, PLACE), sealed);
    await openbao.get().unseal();
    assert.ok((await wrapper.unwrap(wrapped, PLACE)).equals(key));
    wrapper.close();
  });
});
