import assert from 'node:assert/strict';
import { createHash, createSecretKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { localWrapper } from '../../../src/custody/adapters/local.ts';
import { encodeContext } from '../../../src/custody/context.ts';
import type { KeyPlace, KeyWrapper, WrappedKey } from '../../../src/custody/port.ts';
import { aesGcmOpen, aesGcmSeal, hkdfSha256, unseal } from '../../../src/custody/sealed.ts';
import { bitFlips, hex, notMine, otherLengths, otherPlaces, readVector, refusedAs } from './vectors.ts';

interface Vector {
  readonly wrapperId: string;
  readonly kekId: string;
  readonly kekHex: string;
  readonly place: KeyPlace;
  readonly keyHex: string;
  readonly nonceHex: string;
  readonly contextHex: string;
  readonly derivedHex: string;
  readonly bytesHex: string;
}

const vector = await readVector<Vector>('local-wrap');
const { wrapperId, kekId, place } = vector;
const [kek, bytes, context] = [hex(vector.kekHex), hex(vector.bytesHex), hex(vector.contextHex)];
const wrapped: WrappedKey = { wrapperId, kekId, bytes };

function local(under: Uint8Array = kek, id = wrapperId, name = kekId): KeyWrapper {
  return localWrapper({ id, ring: { current: name, keks: new Map([[name, createSecretKey(under)]]) } });
}

/** The documented form, with labels of one's own. */
function sealedWith(label: string, bound: Buffer): Buffer {
  const info = Buffer.concat([Buffer.from(label), createHash('sha256').update(bound).digest()]);
  const derived = hkdfSha256(kek, Buffer.alloc(0), info, 32);
  const nonce = hex(vector.nonceHex);
  return Buffer.concat([Buffer.of(1), nonce, aesGcmSeal(derived, nonce, bound, hex(vector.keyHex))]);
}

describe('the vector of a key under a local KEK', () => {
  it('opens, for ever, and each step to it is that of the vector', async () => {
    const key = await local().unwrap(wrapped, place);
    assert.equal(key.bytes().toString('hex'), vector.keyHex);
    assert.equal(encodeContext(wrapperId, kekId, place).toString('hex'), vector.contextHex);
    const [derived, nonce] = [hex(vector.derivedHex), bytes.subarray(1, 13)];
    assert.equal(aesGcmOpen(derived, nonce, context, bytes.subarray(13)).toString('hex'), vector.keyHex);
    assert.equal(sealedWith('sealslot/local-wrap/v1', context).toString('hex'), vector.bytesHex);
  });

  it('does not, with any bit of it turned', async () => {
    const all = [...bitFlips(bytes)];
    assert.equal(all.length, 61 * 8);
    for (const [bit, broken] of all.entries()) {
      const refusal = bit < 8 ? 'wrong_form' : 'not_authentic';
      await assert.rejects(local().unwrap({ ...wrapped, bytes: broken }, place), refusedAs(refusal));
    }
  });

  it('does not, of another version or length', async () => {
    const versions = Array.from({ length: 256 }, (_, version) =>
      Buffer.concat([Buffer.of(version), bytes.subarray(1)]),
    ).filter((other) => other[0] !== 1);
    assert.equal(versions.length, 255);
    for (const broken of [...versions, ...otherLengths(bytes)]) {
      await assert.rejects(local().unwrap({ ...wrapped, bytes: broken }, place), refusedAs('wrong_form'));
    }
  });

  it('does not, when it was made with another label', () => {
    const [one, two] = [Buffer.from('sealslot/context/v1'), Buffer.from('sealslot/context/v2')];
    const otherContext = Buffer.from(context);
    otherContext.set(two, otherContext.indexOf(one));
    assert.notDeepEqual(otherContext, context);
    for (const label of ['sealslot/local-wrap/v2', 'sealslot/local-wrap/v', '']) {
      assert.throws(() => unseal(sealedWith(label, context), kek, context), refusedAs('not_authentic'));
    }
    const labelled = sealedWith('sealslot/local-wrap/v1', otherContext);
    assert.throws(() => unseal(labelled, kek, context), refusedAs('not_authentic'));
    assert.equal(unseal(labelled, kek, otherContext).bytes().toString('hex'), vector.keyHex);
  });

  it('does not, under a KEK with any bit turned', async () => {
    for (const other of bitFlips(kek)) {
      await assert.rejects(local(other).unwrap(wrapped, place), refusedAs('not_authentic'));
    }
  });

  it('does not, in a place that differs in any field', async () => {
    const places = [...otherPlaces(place)];
    assert.equal(places.length, 13);
    for (const elsewhere of places) {
      await assert.rejects(local().unwrap(wrapped, elsewhere), refusedAs('not_authentic'));
    }
  });

  it('is not that of another wrapper or KEK, nor opens when it is called so', async () => {
    await assert.rejects(local().unwrap({ ...wrapped, wrapperId: 'kms' }, place), notMine);
    await assert.rejects(local().unwrap({ ...wrapped, kekId: 'kek-other' }, place), notMine);
    const [renamed, relabelled] = [local(kek, 'kms'), local(kek, wrapperId, 'kek-other')];
    await assert.rejects(renamed.unwrap(wrapped, place), notMine);
    await assert.rejects(relabelled.unwrap(wrapped, place), notMine);
    await assert.rejects(renamed.unwrap({ ...wrapped, wrapperId: 'kms' }, place), refusedAs('not_authentic'));
    await assert.rejects(
      relabelled.unwrap({ ...wrapped, kekId: 'kek-other' }, place),
      refusedAs('not_authentic'),
    );
  });
});
