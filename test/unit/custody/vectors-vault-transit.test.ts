import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { vaultTransitWrapper } from '../../../src/custody/adapters/vault-transit.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import type { KeyPlace, KeyWrapper, WrappedKey } from '../../../src/custody/port.ts';
import { vaultWorld, type Seen, type Told, type VaultWorld } from './vault-transit-world.ts';
import { bitFlips, hex, notMine, otherLengths, otherPlaces, readVector, refusedAs } from './vectors.ts';

interface Case {
  readonly place: KeyPlace;
  readonly context: string;
}

interface Vector {
  readonly wrapperId: string;
  readonly kekId: string;
  readonly keyHex: string;
  readonly ciphertext: string;
  readonly bytesHex: string;
  readonly cases: readonly Case[];
}

interface Item {
  readonly ciphertext?: string;
  readonly plaintext?: string;
  readonly context: string;
}

const vector = await readVector<Vector>('vault-transit');
const { wrapperId, kekId, cases } = vector;
const { place } = cases[0]!;
const plaintext = hex(vector.keyHex).toString('base64');
const wrapped: WrappedKey = { wrapperId, kekId, bytes: hex(vector.bytesHex) };
const [namespace, mount, key] = kekId.split('/') as [string, string, string];

/** A transit engine that knows what it closed, and the vector in all of its contexts. */
function transitEngine(): (seen: Seen) => Told {
  const closed = new Map<string, string>(
    cases.map(({ context }) => [`${vector.ciphertext} ${context}`, plaintext]),
  );

  function encrypt(item: Item): object {
    const isVector = item.plaintext === plaintext && cases.some(({ context }) => context === item.context);
    if (isVector) return { ciphertext: vector.ciphertext };
    const ciphertext = `vault:v3:${randomBytes(60).toString('base64')}`;
    closed.set(`${ciphertext} ${item.context}`, item.plaintext ?? '');
    return { ciphertext };
  }

  function decrypt({ ciphertext, context }: Item): object {
    const found = closed.get(`${ciphertext} ${context}`);
    return found === undefined ? { error: 'cipher: message authentication failed' } : { plaintext: found };
  }

  return ({ path, body }) => {
    if (path === `/v1/${mount}/keys/${key}`) return { status: 403, body: { errors: ['permission denied'] } };
    if (path === '/v1/auth/token/lookup-self') return { status: 200, body: {} };
    const { batch_input: items } = JSON.parse(body) as { batch_input?: readonly Item[] };
    if (items === undefined) return { status: 400, body: { errors: ['invalid ciphertext: no prefix'] } };
    const answer = path === `/v1/${mount}/encrypt/${key}` ? encrypt : decrypt;
    const results = items.map(answer);
    const status = results.some((result) => 'error' in result) ? 400 : 200;
    return { status, body: { data: { batch_results: results } } };
  };
}

describe('the vectors of a transit engine', () => {
  let world: VaultWorld;
  let wrapper: KeyWrapper;
  before(async () => {
    world = await vaultWorld();
    world.between = transitEngine();
    const tokenFile = await world.secret('token', 'a-token');
    const config = world.config(key, { kind: 'token', tokenFile }, { namespace, mount });
    wrapper = await vaultTransitWrapper({ id: wrapperId, config });
  });
  beforeEach(() => {
    world.seen.length = 0;
  });
  after(async () => {
    wrapper.close();
    await world.stop();
  });

  it('are what it is told of each place, and open', async () => {
    for (const each of cases) {
      const opened = await wrapper.unwrap(wrapped, each.place);
      assert.equal(opened.bytes().toString('hex'), vector.keyHex);
      const item = { ciphertext: vector.ciphertext, context: each.context };
      assert.deepEqual(JSON.parse(world.seen.at(-1)?.body ?? ''), { batch_input: [item] });
    }
    assert.equal(new Set(cases.map(({ context }) => context)).size, 9);
  });

  it('are what it is told when a key is wrapped, and its answer is stored as UTF-8', async () => {
    for (const each of cases) {
      const made = await wrapper.wrap(CustomerKey.fromBytes(hex(vector.keyHex)), each.place);
      assert.deepEqual({ ...made, bytes: Buffer.from(made.bytes) }, wrapped);
      const item = { plaintext, context: each.context };
      assert.deepEqual(JSON.parse(world.seen.at(-1)?.body ?? ''), { batch_input: [item] });
    }
  });

  it('open in no other place', async () => {
    const told = new Set(cases.map((each) => JSON.stringify(each.place)));
    const others = [...otherPlaces(place)].filter((other) => !told.has(JSON.stringify(other)));
    assert.ok(others.length > 5);
    await Promise.all(
      others.map((elsewhere) =>
        assert.rejects(wrapper.unwrap(wrapped, elsewhere), refusedAs('not_authentic')),
      ),
    );
  });

  it('open with no bit turned: what Vault might still read is refused before', async () => {
    const all = [...bitFlips(wrapped.bytes)];
    const refusals = await Promise.all(
      all.map((bytes) => {
        // As Vault itself writes it, or it is not sent.
        const isOfItsForm = /^vault:v[1-9]:[A-Za-z0-9+/]{80}$/.test(bytes.toString('latin1'));
        const refusal = isOfItsForm ? 'not_authentic' : 'wrong_form';
        return assert
          .rejects(wrapper.unwrap({ ...wrapped, bytes }, place), refusedAs(refusal))
          .then(() => refusal);
      }),
    );
    assert.equal(all.length, 89 * 8);
    assert.ok(refusals.includes('not_authentic') && refusals.includes('wrong_form'));
  });

  it('open at no other length', async () => {
    await Promise.all(
      [...otherLengths(wrapped.bytes)].map((bytes) =>
        assert.rejects(wrapper.unwrap({ ...wrapped, bytes }, place), {
          code: 'key_refused',
          refusal: /^(wrong_form|not_authentic)$/,
        }),
      ),
    );
  });

  it('of another wrapper or key are not ours, and never reach it', async () => {
    for (const foreign of [
      { wrapperId: 'local' },
      { kekId: 'transit/sealslot' },
      { kekId: `${kekId}2` },
      { kekId: '' },
    ]) {
      await assert.rejects(wrapper.unwrap({ ...wrapped, ...foreign }, place), notMine);
    }
    assert.deepEqual(world.seen, []);
  });
});
