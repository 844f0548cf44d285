import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { localWrapper } from '../../../src/custody/adapters/local.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { KeyNotMine, KeyRefused } from '../../../src/custody/errors.ts';
import { hierarchy, type HierarchyOptions } from '../../../src/custody/hierarchy.ts';
import { INTERMEDIATE, intermediatePlace } from '../../../src/custody/intermediate.ts';
import type { KeyPlace, KeyWrapper } from '../../../src/custody/port.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { temporaryStore, type TemporaryStore } from '../../support/under-hierarchy.ts';

const START = Date.parse('2026-11-23T12:00:00Z');
const MAX_AGE_MS = 300_000;

const place = (n = 1, tenant = 'acme'): KeyPlace => ({
  purpose: 'object',
  tenant,
  bucket: 'uploads',
  objectKey: `in/${n}`,
  slot: `slot-${n}`,
  generation: 1,
});

/** A local KEK behind a line that can be cut, each call counted. */
class Keeper {
  wraps = 0;
  unwraps = 0;
  failure: Error | undefined;
  readonly wrapper: KeyWrapper;
  /** Waited for by each unwrap. */
  gate: Promise<void> = Promise.resolve();

  constructor(id = 'kms', kek = 'kek-1') {
    const ring = { current: kek, keks: new Map([[kek, createSecretKey(randomBytes(32))]]) };
    const local = localWrapper({ id, ring });
    this.wrapper = {
      ...local,
      wrap: async (key, at) => {
        this.wraps += 1;
        if (this.failure) throw this.failure;
        return local.wrap(key, at);
      },
      unwrap: async (wrapped, at) => {
        this.unwraps += 1;
        await this.gate;
        if (this.failure) throw this.failure;
        return local.unwrap(wrapped, at);
      },
    };
  }

  get calls(): number {
    return this.wraps + this.unwraps;
  }
}

describe('hierarchy', () => {
  let temporary: TemporaryStore;
  let keeper: Keeper;
  const clock = { now: START };
  const opened: KeyWrapper[] = [];

  beforeEach(async () => {
    temporary = await temporaryStore();
    keeper = new Keeper();
    clock.now = START;
  });
  afterEach(async () => {
    for (const wrapper of opened.splice(0)) wrapper.close();
    await temporary[Symbol.asyncDispose]();
  });

  function open(options: Partial<HierarchyOptions> = {}): KeyWrapper {
    const wrapper = hierarchy({
      keks: keeper.wrapper,
      intermediates: temporary.store.intermediates,
      settings: { period: 'day', maxAgeSeconds: MAX_AGE_MS / 1000, maxUses: 1_000_000 },
      wrapsNew: true,
      keepCopy: undefined,
      now: () => clock.now,
      uptime: () => clock.now,
      ...options,
    });
    opened.push(wrapper);
    return wrapper;
  }

  async function rowOf(id: string) {
    const row = await temporary.store.intermediates.get(id);
    assert.ok(row);
    return row;
  }

  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

  it('asks the KEK twice for 1,000 keys: one is wrapped, and opened again before it is used', async () => {
    const wrapper = open();
    const keys = Array.from({ length: 1000 }, () => CustomerKey.generate());
    const wrapped = await Promise.all(keys.map((key, n) => wrapper.wrap(key, place(n))));
    for (const [n, each] of wrapped.entries()) {
      assert.equal(each.wrapperId, INTERMEDIATE);
      assert.ok((await wrapper.unwrap(each, place(n))).equals(keys[n]!));
    }
    assert.deepEqual([keeper.wraps, keeper.unwraps], [1, 1]);
    assert.equal((await temporary.store.intermediates.list()).length, 1);
  });

  it('keeps an intermediate key per tenant and per period', async () => {
    const wrapper = open();
    const first = await wrapper.wrap(CustomerKey.generate(), place());
    const other = await wrapper.wrap(CustomerKey.generate(), place(1, 'globex'));
    clock.now = Date.parse('2026-11-24T00:00:00Z');
    const next = await wrapper.wrap(CustomerKey.generate(), place());
    assert.equal(new Set([first.kekId, other.kekId, next.kekId]).size, 3);
    const names = (await temporary.store.intermediates.list()).map(
      ({ tenant, period, version }) => `${tenant} ${period} ${version}`,
    );
    assert.deepEqual(names.sort(), ['acme 2026-11-23 1', 'acme 2026-11-24 1', 'globex 2026-11-23 1']);
  });

  it('has the next period’s key ready before it begins, so that an outage at midnight is survived', async () => {
    const wrapper = open();
    clock.now = Date.parse('2026-11-23T23:58:00Z');
    await wrapper.wrap(CustomerKey.generate(), place());
    while ((await temporary.store.intermediates.newest('acme', '2026-11-24')) === undefined) await settled();
    await wrapper.wrap(CustomerKey.generate(), place());
    while (keeper.unwraps < 2) await settled();
    await settled();
    keeper.failure = new DependencyUnavailable('custody', undefined);
    clock.now = Date.parse('2026-11-24T00:00:00Z');
    const wrapped = await wrapper.wrap(CustomerKey.generate(), place());
    assert.equal((await temporary.store.intermediates.get(wrapped.kekId))?.period, '2026-11-24');
  });

  it('survives an outage for the cache’s age, then fails closed, and heals by itself', async () => {
    const wrapper = open();
    const key = CustomerKey.generate();
    const wrapped = await wrapper.wrap(key, place());
    keeper.failure = new DependencyUnavailable('custody', undefined);
    clock.now = START + MAX_AGE_MS - 1;
    await wrapper.wrap(CustomerKey.generate(), place(2));
    assert.ok((await wrapper.unwrap(wrapped, place())).equals(key));
    clock.now = START + MAX_AGE_MS;
    await assert.rejects(wrapper.wrap(CustomerKey.generate(), place(3)), DependencyUnavailable);
    await assert.rejects(wrapper.unwrap(wrapped, place()), DependencyUnavailable);
    keeper.failure = undefined;
    assert.ok((await wrapper.unwrap(wrapped, place())).equals(key));
    await wrapper.wrap(CustomerKey.generate(), place(3));
    assert.equal((await temporary.store.intermediates.list()).length, 1);
  });

  it('lets a revocation bite when the cache ends at the latest, and as soon as it asks ahead', async () => {
    const wrapper = open();
    const wrapped = await wrapper.wrap(CustomerKey.generate(), place());
    keeper.failure = new KeyRefused('no', { refusal: 'access_denied' });
    clock.now = START + MAX_AGE_MS * 0.79;
    await wrapper.unwrap(wrapped, place());
    clock.now = START + MAX_AGE_MS * 0.81;
    await wrapper.unwrap(wrapped, place());
    await settled();
    await assert.rejects(wrapper.unwrap(wrapped, place()), KeyRefused);
  });

  it('asks ahead by one caller, while the others go on', async () => {
    const wrapper = open();
    const wrapped = await wrapper.wrap(CustomerKey.generate(), place());
    let go = (): void => undefined;
    keeper.gate = new Promise((resolve) => (go = resolve));
    clock.now = START + MAX_AGE_MS * 0.9;
    await Promise.all(Array.from({ length: 100 }, () => wrapper.unwrap(wrapped, place())));
    assert.equal(keeper.unwraps, 2);
    go();
    await settled();
    keeper.failure = new DependencyUnavailable('custody', undefined);
    clock.now += MAX_AGE_MS - 1;
    await wrapper.unwrap(wrapped, place());
  });

  it('is asked once by 100 callers at once', async () => {
    const first = open();
    const wrapped = await first.wrap(CustomerKey.generate(), place());
    const second = open();
    keeper.unwraps = 0;
    await Promise.all(Array.from({ length: 100 }, () => second.unwrap(wrapped, place())));
    assert.equal(keeper.unwraps, 1);
  });

  it('asks the KEK again after maxUses', async () => {
    const wrapper = open({ settings: { period: 'day', maxAgeSeconds: 300, maxUses: 10 } });
    keeper.gate = Promise.resolve();
    for (let n = 0; n < 25; n += 1) await wrapper.wrap(CustomerKey.generate(), place(n));
    assert.ok(keeper.unwraps >= 3, `${keeper.unwraps} unwraps`);
    keeper.failure = new DependencyUnavailable('custody', undefined);
    await assert.rejects(async () => {
      for (let n = 0; n < 11; n += 1) await wrapper.wrap(CustomerKey.generate(), place(n));
    }, DependencyUnavailable);
  });

  it('is not made older or younger by a clock that jumps', async () => {
    const uptime = { now: 0 };
    const wrapper = open({ uptime: () => uptime.now });
    const wrapped = await wrapper.wrap(CustomerKey.generate(), place());
    keeper.failure = new KeyRefused('no', { refusal: 'access_denied' });
    clock.now = START - 86_400_000;
    await wrapper.unwrap(wrapped, place());
    uptime.now = MAX_AGE_MS;
    await assert.rejects(wrapper.unwrap(wrapped, place()), KeyRefused);
  });

  it('does not ask a KEK that fails for the coming period at each slot', async () => {
    const uptime = { now: 0 };
    const wrapper = open({ uptime: () => uptime.now });
    await wrapper.wrap(CustomerKey.generate(), place());
    keeper.failure = new DependencyUnavailable('custody', undefined);
    keeper.wraps = 0;
    clock.now = Date.parse('2026-11-23T23:58:00Z');
    for (let n = 0; n < 100; n += 1) {
      await wrapper.wrap(CustomerKey.generate(), place(n));
      await settled();
    }
    assert.equal(keeper.wraps, 1);
    uptime.now = MAX_AGE_MS / 60;
    await wrapper.wrap(CustomerKey.generate(), place());
    await settled();
    assert.equal(keeper.wraps, 2);
  });

  it('zeroes what leaves the cache', async () => {
    const seen: CustomerKey[] = [];
    const { wrapper: keks } = keeper;
    const wrapper = open({
      keks: {
        ...keks,
        unwrap: async (wrapped, at) => {
          const key = await keks.unwrap(wrapped, at);
          seen.push(key);
          return key;
        },
      },
    });
    const wrapped = await wrapper.wrap(CustomerKey.generate(), place());
    const bytes = seen[0]!.bytes();
    assert.ok(bytes.some((byte) => byte !== 0));
    clock.now = START + MAX_AGE_MS;
    await wrapper.unwrap(wrapped, place());
    assert.ok(bytes.every((byte) => byte === 0));
    assert.throws(() => seen[0]!.bytes());
    const second = seen[1]!.bytes();
    wrapper.close();
    assert.ok(second.every((byte) => byte === 0));
  });

  it('of two processes that make a period’s first key at once, both use the one that won', async () => {
    const processes = [open(), open(), open()];
    const wrapped = await Promise.all(
      processes.flatMap((each, p) =>
        Array.from({ length: 10 }, (_, n) => each.wrap(CustomerKey.generate(), place(p * 10 + n))),
      ),
    );
    assert.equal(new Set(wrapped.map(({ kekId }) => kekId)).size, 1);
    assert.equal((await temporary.store.intermediates.list()).length, 1);
  });

  it('makes a further version where the newest is under another KEK than the current one', async () => {
    const first = await open().wrap(CustomerKey.generate(), place());
    keeper = new Keeper('vault', 'transit/sealslot');
    const second = await open().wrap(CustomerKey.generate(), place());
    assert.notEqual(first.kekId, second.kekId);
    const stored = await temporary.store.intermediates.get(second.kekId);
    assert.deepEqual([stored?.version, stored?.wrapped.wrapperId], [2, 'vault']);
  });

  it('takes a rotated KEK up under a load that never pauses', async () => {
    const wrapper = open();
    const first = await wrapper.wrap(CustomerKey.generate(), place());
    let isCurrent = true;
    keeper.wrapper.isCurrent = async ({ bytes }) =>
      isCurrent || !Buffer.from(bytes).equals(Buffer.from((await rowOf(first.kekId)).wrapped.bytes));
    isCurrent = false;
    clock.now = START + MAX_AGE_MS * 0.9;
    await wrapper.wrap(CustomerKey.generate(), place());
    while ((await temporary.store.intermediates.list()).length < 2) await settled();
    while ((await wrapper.wrap(CustomerKey.generate(), place())).kekId === first.kekId) await settled();
    assert.equal((await temporary.store.intermediates.list()).length, 2);
  });

  it('makes one intermediate key, not rows without end, where the keeper never calls it current', async () => {
    keeper.wrapper.isCurrent = async () => false;
    const wrapper = open();
    await wrapper.wrap(CustomerKey.generate(), place());
    assert.equal((await temporary.store.intermediates.list()).length, 1);
  });

  it('wraps nothing more under one that was moved to another KEK: the old one may have leaked', async () => {
    const wrapper = open();
    const first = await wrapper.wrap(CustomerKey.generate(), place());
    const row = await rowOf(first.kekId);
    const to = await keeper.wrapper.rewrap(row.wrapped, intermediatePlace(row));
    await temporary.store.intermediates.replace(row.id, row.wrapped, to);
    const afterRestart = await open().wrap(CustomerKey.generate(), place());
    assert.notEqual(afterRestart.kekId, first.kekId);
    clock.now = START + MAX_AGE_MS;
    assert.equal((await wrapper.wrap(CustomerKey.generate(), place())).kekId, afterRestart.kekId);
    await wrapper.unwrap(first, place());
  });

  it('uses no intermediate key before its copy is kept', async () => {
    const kept: string[] = [];
    let failing = true;
    const wrapper = open({
      keepCopy: async ({ id }) => {
        if (failing) throw new DependencyUnavailable('s3', undefined);
        kept.push(id);
      },
    });
    await assert.rejects(wrapper.wrap(CustomerKey.generate(), place()), DependencyUnavailable);
    failing = false;
    const { kekId } = await wrapper.wrap(CustomerKey.generate(), place());
    assert.deepEqual(kept, [kekId]);
    const stored = await temporary.store.intermediates.get(kekId);
    assert.deepEqual(stored?.copy, { wrapperId: 'kms', kekId: 'kek-1', isStale: false });
  });

  describe('refuses', () => {
    it('another tenant’s key under its own intermediate key, and an intermediate key that is not there', async () => {
      const wrapper = open();
      const wrapped = await wrapper.wrap(CustomerKey.generate(), place());
      const foreign = await wrapper.wrap(CustomerKey.generate(), place(1, 'globex'));
      await assert.rejects(wrapper.unwrap(wrapped, place(1, 'globex')), KeyRefused);
      await assert.rejects(wrapper.unwrap({ ...wrapped, kekId: foreign.kekId }, place()), KeyRefused);
      await assert.rejects(wrapper.unwrap({ ...wrapped, kekId: 'none' }, place()), KeyNotMine);
    });

    it('an intermediate key’s row as an object’s, and the other way', async () => {
      const wrapper = open();
      const wrapped = await wrapper.wrap(CustomerKey.generate(), place());
      const [row] = await temporary.store.intermediates.list();
      assert.ok(row);
      for (const at of [place(), { ...place(), slot: row.id, objectKey: row.period, bucket: '' }]) {
        await assert.rejects(wrapper.unwrap(row.wrapped, at), KeyRefused);
        await assert.rejects(wrapper.unwrap({ ...row.wrapped, ...idsOf(wrapped) }, at), KeyRefused);
      }
      await assert.rejects(wrapper.unwrap(wrapped, intermediatePlace(row)), KeyRefused);
      await assert.rejects(
        keeper.wrapper.unwrap({ ...wrapped, ...idsOf(row.wrapped) }, intermediatePlace(row)),
        KeyRefused,
      );
    });

    it('an object’s key, made by a KEK itself, in the place of an intermediate key', async () => {
      const direct = await keeper.wrapper.wrap(CustomerKey.generate(), place());
      const forged = { id: 'forged', tenant: 'acme', period: '2026-11-23', version: 1, createdAt: START };
      await temporary.store.intermediates.insert({ ...forged, wrapped: direct }, false);
      await assert.rejects(open().wrap(CustomerKey.generate(), place(2)), KeyRefused);
    });

    it('a row of intermediate keys that was moved to another tenant, period or version', async () => {
      const wrapped = await open().wrap(CustomerKey.generate(), place());
      const stored = await temporary.store.intermediates.get(wrapped.kekId);
      assert.ok(stored);
      const changes = [{ tenant: 'globex' }, { period: '2026-11-22' }, { version: 2 }, { id: 'other' }];
      for (const [n, change] of changes.entries()) {
        const moved = { ...stored, ...change, id: change.id ?? `moved-${n}` };
        // The id is bound as well, so each of these differs in the id and in one more.
        await assert.rejects(keeper.wrapper.unwrap(stored.wrapped, intermediatePlace(moved)), KeyRefused);
        await assert.rejects(
          keeper.wrapper.unwrap(stored.wrapped, intermediatePlace({ ...stored, ...change })),
          KeyRefused,
        );
      }
    });
  });

  it('without a hierarchy in force opens what is under intermediate keys, and wraps without them', async () => {
    const key = CustomerKey.generate();
    const wrapped = await open().wrap(key, place());
    const off = open({ wrapsNew: false });
    assert.ok((await off.unwrap(wrapped, place())).equals(key));
    const direct = await off.wrap(key, place(2));
    assert.equal(direct.wrapperId, 'kms');
    const moved = await off.rewrap(wrapped, place());
    assert.ok((await keeper.wrapper.unwrap(moved, place())).equals(key));
  });
});

function idsOf({ wrapperId, kekId }: { wrapperId: string; kekId: string }) {
  return { wrapperId, kekId };
}
