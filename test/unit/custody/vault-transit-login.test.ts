import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { VaultAuthConfig, VaultTransitConfig } from '../../../src/config/config.ts';
import { vaultTransitWrapper } from '../../../src/custody/adapters/vault-transit.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { KeyRefused } from '../../../src/custody/errors.ts';
import type { KeyWrapper, WrappedKey } from '../../../src/custody/port.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { available } from '../../support/available.ts';
import { startOpenbao } from '../../support/openbao.ts';
import { waitUntil } from '../../support/processes.ts';
import { causedBy, minimalPolicy, PLACE, tokenFor, vaultWorld } from './vault-transit-world.ts';
import type { Seen, VaultWorld } from './vault-transit-world.ts';

const openbao = await available(startOpenbao);
const HOUR_MS = 3600 * 1000;
const DENIED = { status: 403, body: { errors: ['permission denied'] } };
const SEALED = { status: 503, body: { errors: ['Vault is sealed'] } };

describe('a vault-transit wrapper logs in', { skip: openbao.skip }, () => {
  let world: VaultWorld;
  const clock = { at: 0 };
  const open = new Set<KeyWrapper>();

  before(async () => {
    world = await vaultWorld(openbao.get());
    const bao = openbao.get();
    await bao.request('POST', 'transit/keys/uploads', { derived: true });
    await bao.request('PUT', 'sys/policies/acl/uploads', { policy: minimalPolicy('uploads') });
    await bao.request('POST', 'sys/auth/approle', { type: 'approle' });
  });
  beforeEach(() => {
    world.between = () => undefined;
    world.seen.length = 0;
    clock.at = 0;
  });
  afterEach(() => {
    for (const wrapper of open) wrapper.close();
    open.clear();
  });
  after(async () => {
    await world.stop();
    await openbao.stop();
  });

  async function start(auth: VaultAuthConfig, more?: Partial<VaultTransitConfig>): Promise<KeyWrapper> {
    const config = world.config('uploads', auth, more);
    const wrapper = await vaultTransitWrapper({ id: 'vault', config, now: () => clock.at });
    open.add(wrapper);
    world.seen.length = 0;
    return wrapper;
  }

  const wrap = (wrapper: KeyWrapper): Promise<WrappedKey> => wrapper.wrap(CustomerKey.generate(), PLACE);
  const asked = (end: string): Seen[] => world.seen.filter(({ path }) => path.endsWith(end));

  describe('with a token in a file', () => {
    const token = (): Promise<string> => tokenFor(openbao.get(), 'uploads', minimalPolicy('uploads'));

    it('and takes another as soon as it is in the file', async () => {
      const [one, other] = [await token(), await token()];
      const tokenFile = await world.secret('token', `${one}\n`);
      const wrapper = await start({ kind: 'token', tokenFile });
      await wrap(wrapper);
      await world.secret('token', other);
      await openbao.get().request('POST', 'auth/token/revoke', { token: one });
      await wrap(wrapper);
      assert.deepEqual(
        world.seen.map(({ headers }) => headers['x-vault-token']),
        [one, other],
      );
      assert.equal(world.seen[0]?.headers['x-vault-request'], 'true');
    });

    it('and reads it once more when it was refused, but asks no third time', async () => {
      const [one, other] = [await token(), await token()];
      const tokenFile = await world.secret('token', one);
      const wrapper = await start({ kind: 'token', tokenFile });
      await openbao.get().request('POST', 'auth/token/revoke', { token: one });
      await assert.rejects(wrap(wrapper), DependencyUnavailable);
      assert.equal(asked('/encrypt/uploads').length, 1);

      // An agent writes another while the old one is being refused.
      world.between = async ({ headers }) => {
        if (headers['x-vault-token'] !== one) return undefined;
        await world.secret('token', other);
        return DENIED;
      };
      assert.ok(await wrap(wrapper));
    });

    it('and waits for another when it has ended, since that says nothing of the key', async () => {
      const [one, other] = [await token(), await token()];
      const tokenFile = await world.secret('token', one);
      const wrapper = await start({ kind: 'token', tokenFile });
      const wrapped = await wrap(wrapper);
      await openbao.get().request('POST', 'auth/token/revoke', { token: one });
      for (const call of [
        () => wrap(wrapper),
        () => wrapper.unwrap(wrapped, PLACE),
        () => wrapper.rewrap(wrapped, PLACE),
      ])
        await assert.rejects(call, causedBy('TokenEnded', /Vault knows the token in .* no more/));
      assert.match((await wrapper.keks())[0]?.detail ?? '', /knows the token in .* no more/);
      await world.secret('token', other);
      assert.ok(await wrapper.unwrap(wrapped, PLACE));
      assert.equal((await start({ kind: 'token', tokenFile: await world.secret('token', one) })).id, 'vault');
    });

    it('and takes it for a refusal when only the policy denies, with the policy `default` and without', async () => {
      const bao = openbao.get();
      const decrypt = 'path "transit/decrypt/uploads" { capabilities = ["update"] }';
      await bao.request('PUT', 'sys/policies/acl/only-decrypts', { policy: decrypt });
      await bao.request('PUT', 'sys/policies/acl/no-transit', {
        policy: 'path "nowhere/*" { capabilities = ["read"] }',
      });
      for (const [policy, no_default_policy] of [
        ['only-decrypts', true],
        ['only-decrypts', false],
        ['no-transit', false],
      ] as const) {
        const made = await bao.request('POST', 'auth/token/create', {
          policies: [policy],
          no_default_policy,
        });
        const tokenFile = await world.secret('token', made.auth?.client_token ?? '');
        await assert.rejects(start({ kind: 'token', tokenFile }), {
          code: 'key_refused',
          refusal: 'access_denied',
          message:
            /^custody\.wrappers\.vault \(transit\/(en|de)crypt\/uploads\): Vault answered 403: .*permission denied/,
        });
      }
    });

    it('and waits for one that is not there', async () => {
      const tokenFile = await world.secret('token', await token());
      const wrapper = await start({ kind: 'token', tokenFile });
      for (const text of ['', '\n', 'two\nlines']) {
        await world.secret('token', text);
        await assert.rejects(wrap(wrapper), causedBy('Malformed', /holds no token/));
      }
      assert.equal(world.seen.length, 0);
    });
  });

  describe('by AppRole', () => {
    let roles = 0;
    async function appRole(settings: Record<string, unknown> = {}): Promise<VaultAuthConfig> {
      const bao = openbao.get();
      const role = `auth/approle/role/role-${++roles}`;
      await bao.request('POST', role, { token_policies: ['uploads'], token_ttl: '1h', ...settings });
      const { data: id } = await bao.request('GET', `${role}/role-id`);
      const { data: secret } = await bao.request('POST', `${role}/secret-id`, {});
      const secretIdFile = await world.secret(`secret-${roles}`, String(secret?.['secret_id']));
      return { kind: 'approle', mount: 'approle', roleId: String(id?.['role_id']), secretIdFile };
    }

    it('once, and renews the login when two thirds of its lease are over', async () => {
      const wrapper = await start(await appRole());
      clock.at = HOUR_MS * 0.66;
      await wrap(wrapper);
      assert.equal(world.seen.length, 1);
      clock.at = HOUR_MS * 0.67;
      await Promise.all([wrap(wrapper), wrapper.isCurrent(await wrap(wrapper))]);
      assert.equal(asked('/renew-self').length, 1);
      clock.at = HOUR_MS * 1.3;
      await wrap(wrapper);
      assert.equal(asked('/renew-self').length, 1);
      clock.at = HOUR_MS * 1.35;
      await wrap(wrapper);
      assert.equal(asked('/renew-self').length, 2);
      assert.equal(asked('/login').length, 0);
    });

    it('anew when renewing is refused, gives less than before, or comes too late', async () => {
      const short = { auth: { client_token: 's.short', lease_duration: 60, renewable: true } };
      for (const told of [DENIED, { status: 200, body: short }]) {
        clock.at = 0;
        const wrapper = await start(await appRole());
        world.between = ({ path }) => (path.endsWith('/renew-self') ? told : undefined);
        clock.at = HOUR_MS * 0.7;
        await wrap(wrapper);
        assert.equal(asked('/renew-self').length, 1);
        assert.equal(asked('/login').length, 1);
      }
      clock.at = 0;
      const wrapper = await start(await appRole());
      clock.at = HOUR_MS;
      await wrap(wrapper);
      assert.equal(asked('/renew-self').length, 0);
      assert.equal(asked('/login').length, 1);
    });

    it('anew when the login is over before its time, once for all that are refused together', async () => {
      const wrapper = await start(await appRole({ token_ttl: '4s', token_max_ttl: '4s' }));
      const wrapped = await wrap(wrapper);
      const token = String(world.seen[0]?.headers['x-vault-token']);
      const isGone = (): Promise<boolean> =>
        openbao
          .get()
          .request('POST', 'auth/token/lookup', { token })
          .then(
            () => false,
            () => true,
          );
      await waitUntil('the end of the login', isGone);
      await Promise.all([wrap(wrapper), wrapper.unwrap(wrapped, PLACE), wrapper.rewrap(wrapped, PLACE)]);
      assert.equal(asked('/login').length, 1);
    });

    it('not again and again when the policy refuses', async () => {
      const wrapper = await start(await appRole());
      world.between = ({ path }) => (path.includes('/rewrap/') ? DENIED : undefined);
      const wrapped = await wrap(wrapper);
      const denied = { code: 'key_refused', refusal: 'access_denied' };
      await assert.rejects(wrapper.rewrap(wrapped, PLACE), denied);
      await assert.rejects(wrapper.rewrap(wrapped, PLACE), denied);
      assert.equal(asked('/login').length, 1);
      clock.at = 60_000;
      await assert.rejects(wrapper.rewrap(wrapped, PLACE), denied);
      assert.equal(asked('/login').length, 2);
    });

    it('later when nobody answers, as long as the login lasts', async () => {
      const wrapper = await start(await appRole());
      world.between = ({ path }) => (path.startsWith('/v1/auth/') ? SEALED : undefined);
      clock.at = HOUR_MS * 0.7;
      await wrap(wrapper);
      clock.at = HOUR_MS;
      await assert.rejects(
        wrap(wrapper),
        causedBy('VaultAnswer', /vault \(auth\/approle\/login\): Vault answered 503: Vault is sealed/),
      );
      world.between = () => undefined;
      await wrap(wrapper);
    });

    it('and waits for another secret when a later login is refused, since that says nothing of the key', async () => {
      const wrapper = await start(await appRole());
      await wrap(wrapper);
      world.between = ({ path }) =>
        path.endsWith('/login')
          ? { status: 400, body: { errors: ['invalid role or secret ID'] } }
          : undefined;
      clock.at = HOUR_MS;
      await assert.rejects(wrap(wrapper), causedBy('VaultAnswer', /invalid role or secret ID/));
      world.between = () => undefined;
      await wrap(wrapper);
    });

    it('and says so, without the secret, when the login is refused', async () => {
      const auth = await appRole();
      await world.secret(`secret-${roles}`, 'wrong-secret-id');
      await assert.rejects(start(auth), (error: unknown) => {
        assert.ok(error instanceof KeyRefused);
        assert.equal(error.refusal, 'access_denied');
        const text = inspect(error, { depth: Infinity, showHidden: true });
        assert.match(text, /vault \(auth\/approle\/login\): Vault answered 400: invalid role or secret ID/);
        assert.ok(!text.includes('wrong-secret-id'));
        return true;
      });
    });
  });

  it('by Kubernetes, with the token of the service account at that moment', async () => {
    const token = await tokenFor(openbao.get(), 'uploads', minimalPolicy('uploads'));
    const login = { auth: { client_token: token, lease_duration: 3600, renewable: false } };
    const jwts: unknown[] = [];
    world.between = ({ path, body }) => {
      if (path !== '/v1/auth/clusters/prod/login') return undefined;
      jwts.push(JSON.parse(body));
      return { status: 200, body: login };
    };
    const tokenFile = await world.secret('jwt', 'header.one.signature\n');
    const wrapper = await start({ kind: 'kubernetes', mount: 'clusters/prod', role: 'sealslot', tokenFile });
    await world.secret('jwt', 'header.two.signature\n');
    await wrap(wrapper);
    clock.at = HOUR_MS * 0.7;
    await wrap(wrapper);
    assert.deepEqual(jwts, [
      { role: 'sealslot', jwt: 'header.one.signature' },
      { role: 'sealslot', jwt: 'header.two.signature' },
    ]);
    assert.equal(asked('/renew-self').length, 0);
  });

  it('in a namespace, which is part of what wrapped keys remember', async () => {
    const bao = openbao.get();
    const namespace = 'team';
    const inside = (path: string, body: unknown): Promise<unknown> =>
      bao.request('POST', path, body, { namespace });
    await bao.request('POST', 'sys/namespaces/team', {});
    await inside('sys/mounts/secret/transit', { type: 'transit' });
    await inside('secret/transit/keys/uploads', { derived: true });
    await inside('sys/auth/approle', { type: 'approle' });
    await inside('sys/policies/acl/uploads', {
      policy: minimalPolicy('uploads').replaceAll('transit/', 'secret/transit/'),
    });
    await inside('auth/approle/role/sealslot', { token_policies: ['uploads'] });
    const { data: id } = await bao.request('GET', 'auth/approle/role/sealslot/role-id', undefined, {
      namespace,
    });
    const { data: secret } = await bao.request(
      'POST',
      'auth/approle/role/sealslot/secret-id',
      {},
      { namespace },
    );
    const secretIdFile = await world.secret('secret-team', String(secret?.['secret_id']));
    const auth = {
      kind: 'approle',
      mount: 'approle',
      roleId: String(id?.['role_id']),
      secretIdFile,
    } as const;

    const wrapper = await start(auth, { namespace: 'team/', mount: '/secret/transit/' });
    const key = CustomerKey.generate();
    const wrapped = await wrapper.wrap(key, PLACE);
    assert.equal(wrapped.kekId, 'team/secret/transit/uploads');
    assert.equal(world.seen[0]?.headers['x-vault-namespace'], 'team');
    assert.ok((await wrapper.unwrap(wrapped, PLACE)).equals(key));
  });
});
