import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { KeyNotMine, KeyRefused } from '../../src/custody/errors.ts';
import { INTERMEDIATE } from '../../src/custody/intermediate.ts';
import { temporaryStore, underHierarchy } from '../support/under-hierarchy.ts';
import type { KeyPlace, KeyWrapper, WrappedKey } from '../../src/custody/port.ts';

/** One wrapper id before, during and after a change of its KEK. */
export interface WrapperFixture {
  /** Holds the old KEK only. */
  readonly before: KeyWrapper;
  /** Holds both; the new one is current. */
  readonly during: KeyWrapper;
  /** Holds the new KEK only. */
  readonly after: KeyWrapper;
  /** Set where not the wrapper but the KEK's keeper says which KEKs it holds: the keeper refuses `after` the old one. */
  readonly keeperDecides?: boolean;
  /** Ends what the wrappers were made on; they are closed before. */
  close?(): void | PromiseLike<void>;
}

const place: KeyPlace = {
  purpose: 'object',
  tenant: 'acme',
  bucket: 'acme-uploads',
  objectKey: 'acme/2026/0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0d1e/Übersicht.pdf',
  slot: '0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0d1e',
  generation: 1,
};

// A record by field, so that a field added to `KeyPlace` does not compile until it is tested here.
const elsewhere: { [F in keyof KeyPlace]: readonly KeyPlace[F][] } = {
  purpose: ['intermediate', 'export'],
  tenant: ['acme2', 'ACME', ''],
  bucket: ['acme-upload', 'other'],
  objectKey: [`${place.objectKey}x`, place.objectKey.normalize('NFD'), ''],
  slot: ['0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0d1f'],
  generation: [0, 2, 257],
};

type Make = () => WrapperFixture | Promise<WrapperFixture>;

/** The same wrappers as keepers of intermediate keys, in one store. */
export function underIntermediates(make: Make): Make {
  return async () => {
    const [keks, { store, ...temporary }] = [await make(), await temporaryStore()];
    const [before, during, after] = [keks.before, keks.during, keks.after].map((each) =>
      underHierarchy(each, store),
    );
    assert.ok(before && during && after);
    return {
      ...keks,
      ...{ before, during, after },
      async close() {
        await keks.close?.();
        await temporary[Symbol.asyncDispose]();
      },
    };
  };
}

/** What every `KeyWrapper` must do. `make` is called once for each test. */
export function wrapperSuite(name: string, make: Make, options: { skip?: string | false } = {}): void {
  describe(`${name} as a KeyWrapper`, options, () => {
    it('opens what it wrapped, in its place', async (test) => {
      const { before } = await made(make, test);
      const key = CustomerKey.generate();
      const wrapped = await before.wrap(key, place);
      assert.equal(wrapped.wrapperId, before.id);
      assert.ok((await before.unwrap(wrapped, { ...place })).equals(key));
    });

    for (const [field, values] of Object.entries(elsewhere)) {
      it(`refuses a key in a place with another ${field}`, async (test) => {
        const { before } = await made(make, test);
        const wrapped = await before.wrap(CustomerKey.generate(), place);
        for (const value of values) {
          const wrong = { ...place, [field]: value };
          await assert.rejects(before.unwrap(wrapped, wrong), KeyRefused);
          await assert.rejects(before.rewrap(wrapped, wrong), KeyRefused);
        }
      });
    }

    it('says "not mine" to the key of another wrapper or of a KEK it does not hold', async (test) => {
      const { before, after, keeperDecides = false } = await made(make, test);
      const wrapped = await before.wrap(CustomerKey.generate(), place);
      for (const foreign of [
        { ...wrapped, wrapperId: `${wrapped.wrapperId}x` },
        { ...wrapped, kekId: `${wrapped.kekId}x` },
      ]) {
        await assert.rejects(before.unwrap(foreign, place), KeyNotMine);
        await assert.rejects(before.rewrap(foreign, place), KeyNotMine);
      }
      await assert.rejects(after.unwrap(wrapped, place), keeperDecides ? KeyRefused : KeyNotMine);
    });

    it('refuses a key relabelled to another KEK it holds', async (test) => {
      const { before, during } = await made(make, test);
      const old = await before.wrap(CustomerKey.generate(), place);
      const moved = await during.rewrap(old, place);
      await assert.rejects(during.unwrap({ ...old, kekId: moved.kekId }, place), KeyRefused);
      await assert.rejects(during.unwrap({ ...moved, kekId: old.kekId }, place), KeyRefused);
    });

    it('refuses bytes with any one changed, missing or added', async (test) => {
      const { before } = await made(make, test);
      const wrapped = await before.wrap(CustomerKey.generate(), place);
      const all = [...damaged(wrapped)];
      assert.ok(all.length > wrapped.bytes.length);
      // Some at once: each may be a call over the network.
      for (let at = 0; at < all.length; at += AT_ONCE) {
        const some = all.slice(at, at + AT_ONCE);
        await Promise.all(
          some.map((bytes) => assert.rejects(before.unwrap({ ...wrapped, bytes }, place), KeyRefused)),
        );
      }
    });

    it('never wraps one key to the same bytes twice', async (test) => {
      const { before } = await made(make, test);
      const key = CustomerKey.generate();
      const [one, two] = [await before.wrap(key, place), await before.wrap(key, place)];
      assert.notDeepEqual(Buffer.from(one.bytes), Buffer.from(two.bytes));
    });

    it('rewraps the same key under the current KEK', async (test) => {
      const { before, during, after } = await made(make, test);
      const key = CustomerKey.generate();
      const old = await before.wrap(key, place);
      assert.ok((await during.unwrap(old, place)).equals(key));

      const moved = await during.rewrap(old, place);
      assert.equal(moved.wrapperId, old.wrapperId);
      assert.equal(moved.kekId, (await after.wrap(key, place)).kekId);
      assert.ok((await after.unwrap(moved, place)).equals(key));
      await assert.rejects(after.unwrap(moved, { ...place, generation: 2 }), KeyRefused);
    });

    it('knows what is under the current KEK', async (test) => {
      const { before, during, after } = await made(make, test);
      const old = await before.wrap(CustomerKey.generate(), place);
      assert.equal(await before.isCurrent(old), true);
      assert.equal(await during.isCurrent(old), false);
      assert.equal(await before.isCurrent({ ...old, wrapperId: `${old.wrapperId}x` }), false);

      const moved = await during.rewrap(old, place);
      assert.equal(await during.isCurrent(moved), true);
      assert.equal(await after.isCurrent(moved), true);
      assert.equal(await during.isCurrent(await during.wrap(CustomerKey.generate(), place)), true);
    });

    it('tells its KEKs, the current one first', async (test) => {
      const { before, during, after } = await made(make, test);
      for (const wrapper of [before, during, after]) {
        const { kekId } = await wrapper.wrap(CustomerKey.generate(), place);
        const [current] = await wrapper.keks();
        assert.equal(current?.state, 'usable');
        // An intermediate key is wrapped by a KEK, and is none.
        if (wrapper.id !== INTERMEDIATE)
          assert.deepEqual(current, { wrapperId: wrapper.id, kekId, state: 'usable' });
      }
    });

    it('shows the key neither in what it stores nor in what it throws', async (test) => {
      const { before } = await made(make, test);
      const key = CustomerKey.generate();
      const wrapped = await before.wrap(key, place);
      const stored = Buffer.from(wrapped.bytes);
      const thrown = await before.unwrap(wrapped, { ...place, tenant: 'other' }).then(
        () => assert.fail('opened in another place'),
        (error: unknown) => inspect(error, { depth: Infinity, showHidden: true }),
      );
      assert.ok(!stored.includes(key.bytes()));
      for (const form of [
        key.bytes().toString('hex'),
        key.bytes().toString('base64'),
        key.bytes().toString('base64url'),
      ]) {
        assert.ok(!stored.includes(form));
        assert.ok(!JSON.stringify(wrapped).includes(form));
        assert.ok(!thrown.includes(form));
      }
    });
  });
}

const AT_ONCE = 16;

/** A fixture that ends with the test. */
async function made(make: Make, test: TestContext): Promise<WrapperFixture> {
  const fixture = await make();
  test.after(async () => {
    for (const wrapper of [fixture.before, fixture.during, fixture.after]) wrapper.close();
    await fixture.close?.();
  });
  return fixture;
}

function* damaged({ bytes }: WrappedKey): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes);
    flipped[at]! ^= 0x01;
    yield flipped;
  }
  yield Buffer.alloc(0);
  yield Buffer.from(bytes.subarray(0, -1));
  yield Buffer.from(bytes.subarray(1));
  yield Buffer.concat([bytes, Buffer.alloc(1)]);
}
