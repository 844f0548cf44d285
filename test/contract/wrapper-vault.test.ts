import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { vaultTransitWrapper } from '../../src/custody/adapters/vault-transit.ts';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import type { KeyWrapper } from '../../src/custody/port.ts';
import { available } from '../support/available.ts';
import { startOpenbao } from '../support/openbao.ts';
import {
  minimalPolicy,
  PLACE,
  readingPolicy,
  tokenFor,
  vaultWorld,
} from '../unit/custody/vault-transit-world.ts';
import type { VaultWorld } from '../unit/custody/vault-transit-world.ts';
import { underIntermediates, wrapperSuite } from './wrapper-suite.ts';

const openbao = await available(startOpenbao);

describe('vault-transit on OpenBao', { skip: openbao.skip }, () => {
  let world: VaultWorld;
  const open = new Set<KeyWrapper>();
  const clock = { at: 0 };

  before(async () => {
    world = await vaultWorld(openbao.get());
  });
  after(async () => {
    for (const wrapper of open) wrapper.close();
    await world.stop();
    await openbao.stop();
  });

  async function wrapperFor(key: string, policy = readingPolicy(key)): Promise<KeyWrapper> {
    const token = await tokenFor(openbao.get(), `only-${key}`, policy);
    const tokenFile = await world.secret(`token-${key}`, token);
    const config = world.config(key, { kind: 'token', tokenFile });
    const wrapper = await vaultTransitWrapper({ id: 'vault', config, now: () => clock.at });
    open.add(wrapper);
    return wrapper;
  }

  async function makeKey(key: string): Promise<void> {
    await openbao.get().request('POST', `transit/keys/${key}`, { derived: true });
  }

  let pairs = 0;
  const make = async () => {
    const [old, fresh] = [`old-${++pairs}`, `new-${pairs}`];
    await Promise.all([makeKey(old), makeKey(fresh)]);
    const [first, second] = await Promise.all([wrapperFor(old), wrapperFor(fresh)]);
    return { before: first, during: bothOf(second, first), after: second };
  };
  wrapperSuite('vault-transit', make);
  wrapperSuite('vault-transit under intermediate keys', underIntermediates(make));

  describe('rotated within Vault', () => {
    for (const [how, policy] of [
      ['as Vault says it', readingPolicy],
      ['as it shows under the smallest policy', minimalPolicy],
    ] as const) {
      it(`knows the newest version, ${how}, and rewraps to it`, async () => {
        const key = `rotated-${policy.name}`;
        await makeKey(key);
        const wrapper = await wrapperFor(key, policy(key));
        const customerKey = CustomerKey.generate();
        const old = await wrapper.wrap(customerKey, PLACE);
        assert.ok(await wrapper.isCurrent(old));

        await openbao.get().request('POST', `transit/keys/${key}/rotate`, {});
        assert.ok(await wrapper.isCurrent(old), 'remembered for ten seconds');
        clock.at += 10_000;
        assert.ok(!(await wrapper.isCurrent(old)));

        const moved = await wrapper.rewrap(old, PLACE);
        assert.ok(await wrapper.isCurrent(moved));
        assert.equal(moved.kekId, old.kekId);
        assert.match(Buffer.from(moved.bytes).toString(), /^vault:v2:/);
        assert.ok((await wrapper.unwrap(old, PLACE)).equals(customerKey));
        assert.ok((await wrapper.unwrap(moved, PLACE)).equals(customerKey));

        await openbao.get().request('POST', `transit/keys/${key}/config`, { min_decryption_version: 2 });
        const disabled = { code: 'key_refused', refusal: 'kek_disabled', message: /min_decryption_version/ };
        await assert.rejects(wrapper.unwrap(old, PLACE), disabled);
        await assert.rejects(wrapper.rewrap(old, PLACE), disabled);
        assert.ok((await wrapper.unwrap(moved, PLACE)).equals(customerKey));
      });
    }

    it('is not current when another wrapper or key wrapped it', async () => {
      await makeKey('not-current');
      const wrapper = await wrapperFor('not-current');
      const wrapped = await wrapper.wrap(CustomerKey.generate(), PLACE);
      assert.ok(!(await wrapper.isCurrent({ ...wrapped, wrapperId: 'other' })));
      assert.ok(!(await wrapper.isCurrent({ ...wrapped, kekId: 'transit/other' })));
      assert.ok(!(await wrapper.isCurrent({ ...wrapped, bytes: Buffer.from('vault:v01:AAAA') })));
    });

    it('tells of the key what Vault lets it read', async () => {
      await makeKey('told');
      const telling = await wrapperFor('told');
      assert.deepEqual(await telling.keks(), [
        { wrapperId: 'vault', kekId: 'transit/told', state: 'usable' },
      ]);
      await openbao.get().request('DELETE', 'transit/keys/told/soft-delete');
      assert.equal((await telling.keks())[0]?.state, 'usable', 'remembered for a minute');
      clock.at += 60_000;
      assert.equal((await telling.keks())[0]?.state, 'disabled');
      await assert.rejects(telling.wrap(CustomerKey.generate(), PLACE), { refusal: 'kek_disabled' });

      await makeKey('untold');
      const [kek] = await (await wrapperFor('untold', minimalPolicy('untold'))).keks();
      assert.equal(kek?.state, 'unknown');
      assert.match(kek.detail ?? '', /policy/);
    });
  });
});

/**
 * The suite wants one wrapper that holds two KEKs; a transit wrapper holds one. Moving from one transit key to another takes two, as here, and
 * in service `severalWrappers`.
 */
function bothOf(current: KeyWrapper, other: KeyWrapper): KeyWrapper {
  const kekIds = Promise.all([current.keks(), other.keks()]).then((keks) => keks.map(([kek]) => kek?.kekId));
  const ownerOf = async (kekId: string): Promise<KeyWrapper> =>
    (await kekIds)[1] === kekId ? other : current;
  return {
    ...current,
    unwrap: async (wrapped, place) => (await ownerOf(wrapped.kekId)).unwrap(wrapped, place),
    async rewrap(wrapped, place) {
      const owner = await ownerOf(wrapped.kekId);
      if (owner === current) return current.rewrap(wrapped, place);
      return current.wrap(await owner.unwrap(wrapped, place), place);
    },
    keks: async () => [...(await current.keks()), ...(await other.keks())],
  };
}
