import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { reachesElsewhere, SafetyGate } from '../../../src/service/safety-gate.ts';
import type { Config, TargetConfig, TenantConfig } from '../../../src/config/config.ts';
import { localWrapper } from '../../../src/custody/adapters/local.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import type { KekCondition, KeyWrapper } from '../../../src/custody/port.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { createLogger } from '../../../src/http/log.ts';
import { createTarget } from '../../../src/s3/adapters/target.ts';
import type { KekUse, Store } from '../../../src/store/port.ts';

const main = {} as TargetConfig;
const tenant = (bucket: string, target = 'main', methods: TenantConfig['methods'] = ['PUT']) =>
  ({ target, bucket, methods }) as TenantConfig;
const configOf = (
  tenants: Record<string, TenantConfig>,
  targets: Record<string, TargetConfig> = { main },
): Config => ({ tenants, s3: { targets } }) as unknown as Config;
const inForce = configOf({ acme: tenant('a'), globex: tenant('b') });

describe('a reload is examined', () => {
  it('not when it only takes away, or lets another tenant into an examined bucket', () => {
    assert.equal(reachesElsewhere(inForce, inForce), false);
    assert.equal(reachesElsewhere(inForce, configOf({ acme: tenant('a') })), false);
    assert.equal(reachesElsewhere(inForce, configOf({ acme: tenant('b'), initech: tenant('a') })), false);
  });

  it('when a bucket is new, when its target is another, and when the target has new credentials', () => {
    assert.equal(reachesElsewhere(inForce, configOf({ acme: tenant('c') })), true);
    const two = { main, archive: {} as TargetConfig };
    assert.equal(reachesElsewhere(inForce, configOf({ acme: tenant('a', 'archive') }, two)), true);
    const forms = configOf({ acme: tenant('a', 'main', ['PUT', 'POST']) });
    assert.equal(reachesElsewhere(inForce, forms), true, 'a method is new');
    // An unchanged target stays the same object through a reload.
    assert.equal(reachesElsewhere(inForce, configOf({ acme: tenant('a') }, { main: { ...main } })), true);
  });
});

const kek = createSecretKey(randomBytes(32));
const called = (name: string) =>
  localWrapper({ id: 'local', ring: { current: name, keks: new Map([[name, kek]]) } });
const CUSTODY: Config['custody'] = {
  current: 'local',
  wrappers: { local: { kind: 'local', kekFile: '/kek.json' } },
  hierarchy: undefined,
  recovery: undefined,
};
const LEVELS: Readonly<Record<number, string>> = { 40: 'warn', 50: 'error', 60: 'fatal' };

/** A gate, and what it has logged: `error custody.needed off`. */
function gateOf() {
  const lines: string[] = [];
  const write = (text: string): void => {
    const { level, check, outcome, msg } = JSON.parse(text) as Record<string, string | number>;
    lines.push(`${LEVELS[Number(level)]} ${check === undefined ? msg : `${check} ${outcome}`}`);
  };
  const gate = new SafetyGate(createLogger('debug', { write }), new AbortController().signal, createTarget);
  return { gate, lines };
}

const storeOf = (usage: () => Promise<KekUse[]>) =>
  ({ keys: { usage, neededKeks: usage } }) as unknown as Pick<Store, 'keys'>;

describe('KEKs at the start', () => {
  it('are trusted without a word when they are right', async () => {
    const { gate, lines } = gateOf();
    assert.equal(await gate.trusts(called('kek'), CUSTODY), true);
    await gate.warnOfKeks(
      called('kek'),
      storeOf(async () => []),
      CUSTODY,
    );
    assert.deepEqual(lines, []);
  });

  it('keep the service from starting when tags cannot name them, but only where there are copies', async () => {
    const { gate, lines } = gateOf();
    const recovery = { target: 'main', bucket: 'copies' };
    assert.equal(await gate.trusts(called('kek~1'), { ...CUSTODY, recovery }), false);
    assert.deepEqual(lines, ['fatal custody.copies off']);
    assert.equal(await gate.trusts(called('kek~1'), CUSTODY), true);
  });

  it('keep it from starting when keys come back as others, but not when they do not answer', async () => {
    const { gate, lines } = gateOf();
    const other: KeyWrapper = { ...called('kek'), unwrap: async () => CustomerKey.generate() };
    assert.equal(await gate.trusts(other, CUSTODY), false);
    const dead: KeyWrapper = {
      ...called('kek'),
      wrap: () => Promise.reject(new DependencyUnavailable('custody', undefined)),
    };
    assert.equal(await gate.trusts(dead, CUSTODY), true);
    assert.deepEqual(lines, ['fatal custody.roundtrip unsafe', 'warn custody.roundtrip off']);
  });

  for (const [state, line] of [
    ['pending_deletion', 'error custody.condition unsafe'],
    ['disabled', 'warn custody.condition off'],
    ['unknown', 'warn custody.condition note'],
  ] as const) {
    it(`that are ${state} are only logged`, async () => {
      const { gate, lines } = gateOf();
      const condition: KekCondition = { wrapperId: 'local', kekId: 'kek', state };
      await gate.warnOfKeks(
        { ...called('kek'), keks: async () => [condition] },
        storeOf(async () => []),
        CUSTODY,
      );
      assert.deepEqual(lines, [line]);
    });
  }

  it('that are missing while keys need them are logged as errors', async () => {
    const { gate, lines } = gateOf();
    const use = { wrapperId: 'old', kekId: 'kek', objectKeys: 1, intermediateKeys: 0, copies: 0 };
    await gate.warnOfKeks(
      called('kek'),
      storeOf(async () => [use]),
      CUSTODY,
    );
    assert.deepEqual(lines, ['error custody.needed off']);
  });

  it('are not counted when all that are needed are held: of many keys that takes seconds', async () => {
    const { gate, lines } = gateOf();
    const keys = {
      neededKeks: async () => [{ wrapperId: 'local', kekId: 'kek' }],
      usage: () => assert.fail('counted'),
    };
    await gate.warnOfKeks(called('kek'), { keys } as unknown as Pick<Store, 'keys'>, CUSTODY);
    assert.deepEqual(lines, []);
  });

  it('are not known to be needed when the store does not say', async () => {
    const { gate, lines } = gateOf();
    const failing = storeOf(() => Promise.reject(new DependencyUnavailable('store', undefined)));
    await gate.warnOfKeks(called('kek'), failing, CUSTODY);
    assert.deepEqual(lines, ['error what KEKs are needed is not known']);
  });
});
