import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { localWrapper } from '../../../../src/custody/adapters/local.ts';
import { CustomerKey } from '../../../../src/custody/customer-key.ts';
import { KeyNotMine, KeyRefused } from '../../../../src/custody/errors.ts';
import type { KeyPlace, KeyWrapper } from '../../../../src/custody/port.ts';
import { CUSTODY_CHECKS, examineCustody } from '../../../../src/doctor/local/custody.ts';
import { DependencyUnavailable } from '../../../../src/errors.ts';
import { summary } from '../findings.ts';

const kek = createSecretKey(randomBytes(32));
const called = (name: string) =>
  localWrapper({ id: 'local', ring: { current: name, keks: new Map([[name, kek]]) } });
const good = called('kek');
const WITHOUT = { hierarchy: undefined, recovery: undefined };
const COPYING = { ...WITHOUT, recovery: { target: 'main', bucket: 'copies' } };
const FIELDS: readonly (keyof KeyPlace)[] = [
  'purpose',
  'tenant',
  'bucket',
  'objectKey',
  'slot',
  'generation',
];

/** As `good`, but blind to one field, as a transit key that is not derived is to all of them. */
function blindTo(field: keyof KeyPlace): KeyWrapper {
  const without = (place: KeyPlace): KeyPlace => ({ ...place, [field]: field === 'generation' ? 0 : 'x' });
  return {
    ...good,
    wrap: (key, place) => good.wrap(key, without(place)),
    unwrap: (wrapped, place) => good.unwrap(wrapped, without(place)),
  };
}

const failing = (error: Error): KeyWrapper => ({ ...good, wrap: () => Promise.reject(error) });

/** It opens in the right place and then fails, as a KMS does that dies in between. */
function failingLater(error: Error): KeyWrapper {
  let opened = 0;
  return {
    ...good,
    unwrap: (wrapped, place) => (opened++ === 0 ? good.unwrap(wrapped, place) : Promise.reject(error)),
  };
}

describe('doctor, custody', () => {
  it('finds the local wrapper right', async () => {
    const { lines, value } = await summary(examineCustody(good, WITHOUT), CUSTODY_CHECKS);
    assert.deepEqual(lines, ['custody.roundtrip ok', 'custody.context ok']);
    assert.equal(value, true);
  });

  for (const field of FIELDS) {
    it(`calls a wrapper unsafe that does not bind ${field}, and names it`, async () => {
      const { lines, last, value } = await summary(examineCustody(blindTo(field), WITHOUT), CUSTODY_CHECKS);
      assert.deepEqual(lines, ['custody.roundtrip ok', 'custody.context unsafe']);
      assert.match(last.found, new RegExp(`does not enforce the context.* another ${field} was given`));
      assert.equal(value, false);
    });
  }

  it('calls a wrapper unsafe that opens another key than it closed', async () => {
    const other: KeyWrapper = { ...good, unwrap: async () => CustomerKey.generate() };
    const { lines, value } = await summary(examineCustody(other, WITHOUT), CUSTODY_CHECKS);
    assert.deepEqual(lines, ['custody.roundtrip unsafe']);
    assert.equal(value, false);
  });

  const failures = [
    [new DependencyUnavailable('custody', undefined), /does not answer/, /try again/],
    [new KeyRefused('no right'), /refuses/, /grant .*encrypt and decrypt/],
    [new KeyNotMine('another'), /fails with key_not_mine/, /custody section/],
    [new Error('connect 10.0.0.7'), /an error that no wrapper should throw/, /custody section/],
  ] as const;
  for (const [error, found, remedy] of failures) {
    it(`says what is off when wrapping fails with ${error.name}`, async () => {
      const { lines, last, value } = await summary(examineCustody(failing(error), WITHOUT), CUSTODY_CHECKS);
      assert.deepEqual(lines, ['custody.roundtrip off']);
      assert.match(last.found, found);
      assert.match(last.remedy ?? '', remedy);
      assert.ok(!JSON.stringify(last).includes('10.0.0.7'));
      assert.equal(value, false);
    });
  }

  it('does not take a dead KEK for one that enforces the context', async () => {
    const dead = failingLater(new DependencyUnavailable('custody', undefined));
    const { lines, value } = await summary(examineCustody(dead, WITHOUT), CUSTODY_CHECKS);
    assert.deepEqual(lines, ['custody.roundtrip ok', 'custody.context off']);
    assert.equal(value, false);
  });

  it('finds that tags can hold what a KEK wraps', async () => {
    const { lines } = await summary(examineCustody(good, COPYING), CUSTODY_CHECKS);
    assert.deepEqual(lines, ['custody.roundtrip ok', 'custody.context ok', 'custody.copies ok']);
  });

  const odd = called('kek~1');

  it('names a KEK that tags cannot name, also while it does not answer', async () => {
    const { lines, last } = await summary(examineCustody(odd, COPYING), CUSTODY_CHECKS);
    assert.deepEqual(lines, ['custody.roundtrip ok', 'custody.context ok', 'custody.copies off']);
    assert.match(last.found, /"kek~1" does not fit into an object tag/);
    assert.match(last.remedy ?? '', /custody\.hierarchy/);

    const dead = { ...odd, wrap: () => Promise.reject(new DependencyUnavailable('custody', undefined)) };
    const silent = await summary(examineCustody(dead, COPYING), CUSTODY_CHECKS);
    assert.deepEqual(silent.lines, ['custody.roundtrip off', 'custody.copies off']);
  });

  it('says nothing more of a KEK that does not answer and has a right name', async () => {
    const dead = failing(new DependencyUnavailable('custody', undefined));
    const { lines } = await summary(examineCustody(dead, COPYING), CUSTODY_CHECKS);
    assert.deepEqual(lines, ['custody.roundtrip off']);
  });

  it('takes any KEK where tags name intermediate keys, and where there are no copies', async () => {
    const hierarchy = { period: 'day', maxAgeSeconds: 300, maxUses: 1000 } as const;
    for (const copying of [{ ...COPYING, hierarchy }, WITHOUT]) {
      const { lines } = await summary(examineCustody(odd, copying), CUSTODY_CHECKS);
      assert.deepEqual(lines, ['custody.roundtrip ok', 'custody.context ok']);
    }
  });
});
