import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { KeyNotMine, KeyRefused } from '../../src/custody/errors.ts';
import type { KeyPlace, KeyWrapper, WrappedKey } from '../../src/custody/port.ts';

/** One wrapper id before, during and after a change of its KEK. */
export interface WrapperFixture {
  /** Holds the old KEK only. */
  readonly before: KeyWrapper;
  /** Holds both; the new one is current. */
  readonly during: KeyWrapper;
  /** Holds the new KEK only. */
  readonly after: KeyWrapper;
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

/** What every `KeyWrapper` must do. `make` is called once for each test. */
export function wrapperSuite(name: string, make: () => WrapperFixture | Promise<WrapperFixture>): void {
  describe(`${name} as a KeyWrapper`, () => {
    it('opens what it wrapped, in its place', async () => {
      const { before } = await make();
      const key = CustomerKey.generate();
      const wrapped = await before.wrap(key, place);
      assert.equal(wrapped.wrapperId, before.id);
      assert.ok((await before.unwrap(wrapped, { ...place })).equals(key));
    });

    for (const [field, values] of Object.entries(elsewhere)) {
      it(`refuses a key in a place with another ${field}`, async () => {
        const { before } = await make();
        const wrapped = await before.wrap(CustomerKey.generate(), place);
        for (const value of values) {
          const wrong = { ...place, [field]: value };
          await assert.rejects(before.unwrap(wrapped, wrong), KeyRefused);
          await assert.rejects(before.rewrap(wrapped, wrong), KeyRefused);
        }
      });
    }

    it('says "not mine" to the key of another wrapper or of a KEK it does not hold', async () => {
      const { before, after } = await make();
      const wrapped = await before.wrap(CustomerKey.generate(), place);
      for (const foreign of [
        { ...wrapped, wrapperId: `${wrapped.wrapperId}x` },
        { ...wrapped, kekId: `${wrapped.kekId}x` },
      ]) {
        await assert.rejects(before.unwrap(foreign, place), KeyNotMine);
        await assert.rejects(before.rewrap(foreign, place), KeyNotMine);
      }
      await assert.rejects(after.unwrap(wrapped, place), KeyNotMine);
    });

    it('refuses a key relabelled to another KEK it holds', async () => {
      const { before, during } = await make();
      const old = await before.wrap(CustomerKey.generate(), place);
      const moved = await during.rewrap(old, place);
      await assert.rejects(during.unwrap({ ...old, kekId: moved.kekId }, place), KeyRefused);
      await assert.rejects(during.unwrap({ ...moved, kekId: old.kekId }, place), KeyRefused);
    });

    it('refuses bytes with any one changed, missing or added', async () => {
      const { before } = await make();
      const wrapped = await before.wrap(CustomerKey.generate(), place);
      for (const bytes of damaged(wrapped)) {
        await assert.rejects(before.unwrap({ ...wrapped, bytes }, place), KeyRefused);
      }
    });

    it('never wraps one key to the same bytes twice', async () => {
      const { before } = await make();
      const key = CustomerKey.generate();
      const [one, two] = [await before.wrap(key, place), await before.wrap(key, place)];
      assert.notDeepEqual(Buffer.from(one.bytes), Buffer.from(two.bytes));
    });

    it('rewraps the same key under the current KEK', async () => {
      const { before, during, after } = await make();
      const key = CustomerKey.generate();
      const old = await before.wrap(key, place);
      assert.ok((await during.unwrap(old, place)).equals(key));

      const moved = await during.rewrap(old, place);
      assert.equal(moved.wrapperId, old.wrapperId);
      assert.equal(moved.kekId, (await after.wrap(key, place)).kekId);
      assert.ok((await after.unwrap(moved, place)).equals(key));
      await assert.rejects(after.unwrap(moved, { ...place, generation: 2 }), KeyRefused);
    });

    it('shows the key neither in what it stores nor in what it throws', async () => {
      const { before } = await make();
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
