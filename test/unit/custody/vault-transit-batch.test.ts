import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { vaultTransitWrapper } from '../../../src/custody/adapters/vault-transit.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { KeyRefused } from '../../../src/custody/errors.ts';
import type { KeyPlace, KeyWrapper } from '../../../src/custody/port.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { available } from '../../support/available.ts';
import { startOpenbao } from '../../support/openbao.ts';
import { minimalPolicy, PLACE, tokenFor, vaultWorld } from './vault-transit-world.ts';
import type { Seen, VaultWorld } from './vault-transit-world.ts';

const openbao = await available(startOpenbao);
const MANY = 300;
const placeOf = (generation: number): KeyPlace => ({ ...PLACE, generation });
const itemsIn = ({ body }: Seen): number =>
  (JSON.parse(body) as { batch_input: unknown[] }).batch_input.length;

describe('vault-transit calls that come together', { skip: openbao.skip }, () => {
  let world: VaultWorld;
  let wrapper: KeyWrapper;
  before(async () => {
    world = await vaultWorld(openbao.get());
    await openbao.get().request('POST', 'transit/keys/batch', { derived: true });
    const tokenFile = await world.secret(
      'token',
      await tokenFor(openbao.get(), 'batch', minimalPolicy('batch')),
    );
    const config = world.config('batch', { kind: 'token', tokenFile });
    wrapper = await vaultTransitWrapper({ id: 'vault', config });
  });
  beforeEach(() => {
    world.between = () => undefined;
    world.seen.length = 0;
  });
  after(async () => {
    wrapper.close();
    await world.stop();
    await openbao.stop();
  });

  it('share few requests, each within the limits of OpenBao, and get each its own answer', async () => {
    const keys = Array.from({ length: MANY }, () => CustomerKey.generate());
    const wrapped = await Promise.all(keys.map((key, i) => wrapper.wrap(key, placeOf(i))));
    assert.deepEqual(world.seen.map(itemsIn), [200, 100]);
    const moved = await Promise.all(wrapped.map((one, i) => wrapper.rewrap(one, placeOf(i))));
    const opened = await Promise.all(moved.map((one, i) => wrapper.unwrap(one, placeOf(i))));
    assert.ok(opened.every((key, i) => key.equals(keys[i]!)));
    assert.equal(world.seen.length, 6);
  });

  it('wait for a batch under way, and then leave together', async () => {
    const wrap = (): Promise<unknown> => wrapper.wrap(CustomerKey.generate(), PLACE);
    const arrived = Promise.withResolvers<undefined>();
    world.between = () => {
      arrived.resolve(undefined);
      return undefined;
    };
    const first = wrap();
    await arrived.promise;
    await Promise.all([first, wrap(), wrap(), wrap()]);
    assert.deepEqual(world.seen.map(itemsIn), [1, 3]);
  });

  for (const kind of ['unwrap', 'rewrap'] as const) {
    it(`fail alone: one bad ${kind} among good ones`, async () => {
      const wrapped = await Promise.all(
        [0, 1, 2].map((i) => wrapper.wrap(CustomerKey.generate(), placeOf(i))),
      );
      world.seen.length = 0;
      const outcomes = await Promise.allSettled(
        wrapped.map((one, i) => wrapper[kind](one, placeOf(i === 1 ? 7 : i))),
      );
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      const { reason } = outcomes[1] as PromiseRejectedResult;
      assert.ok(reason instanceof KeyRefused);
      assert.equal(reason.refusal, 'not_authentic');
      assert.equal(world.seen.length, 1);
    });
  }

  it('fail alone also where a version of Vault fails all of them, or takes fewer at once', async () => {
    const wrapped = await Promise.all(
      [0, 1, 2, 3].map((i) => wrapper.wrap(CustomerKey.generate(), placeOf(i))),
    );
    for (const told of [
      { status: 500, body: { errors: ['1 error occurred:\n\t* cipher: message authentication failed\n\n'] } },
      {
        status: 400,
        body: { errors: ['refused JSON input due to high complexity: exceeded maximum number of strings'] },
      },
      { status: 413, body: { errors: ['http: request body too large'] } },
    ]) {
      world.between = (seen) => (itemsIn(seen) > 1 ? told : undefined);
      const outcomes = await Promise.allSettled(
        wrapped.map((one, i) => wrapper.rewrap(one, placeOf(i === 2 ? 7 : i))),
      );
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
      );
    }
  });

  it('fail together when the server does, without a request for each', async () => {
    world.between = () => ({ status: 503, body: { errors: ['Vault is sealed'] } });
    const outcomes = await Promise.allSettled(
      Array.from({ length: MANY }, (_, i) => wrapper.wrap(CustomerKey.generate(), placeOf(i))),
    );
    assert.ok(
      outcomes.every(
        ({ status, ...rest }) =>
          status === 'rejected' && 'reason' in rest && rest.reason instanceof DependencyUnavailable,
      ),
    );
    assert.equal(world.seen.length, 1);
    world.between = () => undefined;
    assert.ok(await wrapper.wrap(CustomerKey.generate(), PLACE));
  });

  it('take no answer of another length, or without what was asked for', async () => {
    const results = (...batch_results: unknown[]): unknown => ({ data: { batch_results } });
    for (const body of [results(), results({}), results({ ciphertext: 7 }), results({}, {}), {}, 7]) {
      world.between = () => ({ status: 200, body });
      await assert.rejects(wrapper.wrap(CustomerKey.generate(), PLACE), DependencyUnavailable);
    }
    world.between = () => ({ status: 200, body: results({ plaintext: 'c2hvcnQ=' }) });
    const wrapped = { wrapperId: 'vault', kekId: 'transit/batch', bytes: Buffer.from('vault:v1:AAAA') };
    await assert.rejects(wrapper.unwrap(wrapped, PLACE), { refusal: 'wrong_form' });
  });
});
