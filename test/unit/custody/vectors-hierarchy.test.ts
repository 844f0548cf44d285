import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import { localWrapper } from '../../../src/custody/adapters/local.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { hierarchy } from '../../../src/custody/hierarchy.ts';
import { INTERMEDIATE, intermediatePlace, type IntermediateKey } from '../../../src/custody/intermediate.ts';
import { intermediateCopy, readIntermediateCopy } from '../../../src/custody/intermediate-copy.ts';
import type { KeyPlace, WrappedKey } from '../../../src/custody/port.ts';
import { readRecoveryTags, recoveryTags } from '../../../src/custody/recovery-copy.ts';
import type { IntermediateStore } from '../../../src/store/port.ts';
import {
  bitFlips,
  hex,
  notMine,
  notOpened,
  otherLengths,
  otherPlaces,
  readVector,
  refusedAs,
} from './vectors.ts';

interface Vector {
  readonly wrapperId: string;
  readonly kekId: string;
  readonly kekHex: string;
  readonly intermediate: {
    readonly key: Omit<IntermediateKey, 'wrapped'>;
    readonly keyHex: string;
    readonly bytesHex: string;
  };
  readonly objects: readonly {
    readonly place: KeyPlace;
    readonly keyHex: string;
    readonly bytesHex: string;
  }[];
  readonly tags: Readonly<Record<string, string>>;
  readonly copy: { readonly objectKey: string; readonly text: string };
}

const vector = await readVector<Vector>('hierarchy');
const { wrapperId, kekId } = vector;
const kek = createSecretKey(hex(vector.kekHex));
const keks = localWrapper({ id: wrapperId, ring: { current: kekId, keks: new Map([[kekId, kek]]) } });
const wrappedRow: WrappedKey = { wrapperId, kekId, bytes: hex(vector.intermediate.bytesHex) };
const row: IntermediateKey = { ...vector.intermediate.key, wrapped: wrappedRow };
const objects = vector.objects.map(({ place, keyHex, bytesHex }) => {
  const wrapped: WrappedKey = { wrapperId: INTERMEDIATE, kekId: row.id, bytes: hex(bytesHex) };
  return { place, keyHex, wrapped };
});
const { place, wrapped } = objects[0]!;

/** A store that has these rows and is asked for nothing else. */
function holding(rows: readonly IntermediateKey[]): IntermediateStore {
  const unasked = async () => assert.fail('a key is opened by its row alone');
  const others = { newest: unasked, lastVersion: unasked, insert: unasked, list: unasked };
  return {
    ...{ ...others, replace: unasked, copied: unasked, uses: unasked, destroy: unasked },
    async get(id) {
      const found = rows.find((one) => one.id === id);
      return found && { ...found, copy: null };
    },
  };
}

/** By a hierarchy whose cache is empty. */
async function opened(rows: readonly IntermediateKey[], stored: WrappedKey, at: KeyPlace): Promise<string> {
  const settings = DEFAULTS.hierarchy;
  const rest = { settings, wrapsNew: true, keepCopy: undefined, now: Date.now };
  const wrapper = hierarchy({ keks, intermediates: holding(rows), ...rest });
  try {
    return (await wrapper.unwrap(stored, at)).bytes().toString('hex');
  } finally {
    wrapper.close();
  }
}

const another = { ...row, id: '0196f3a0-7c1e-7b52-9d3c-2f4a6b8c0daa', tenant: 'globex' };

/** A row of another tenant, made here. */
async function rowOfAnother(): Promise<IntermediateKey> {
  return { ...another, wrapped: await keks.wrap(CustomerKey.generate(), intermediatePlace(another)) };
}

describe('the vectors of keys under an intermediate key', () => {
  it('open, for ever: the row under its KEK, the objects’ keys under the row', async () => {
    const key = await keks.unwrap(wrappedRow, intermediatePlace(row));
    assert.equal(key.bytes().toString('hex'), vector.intermediate.keyHex);
    assert.equal(objects.length, 2);
    for (const each of objects) {
      assert.equal(await opened([row], each.wrapped, each.place), each.keyHex);
    }
  });

  it('an object’s key does not open with a bit turned, of another length, or in another place', async () => {
    for (const [bit, bytes] of [...bitFlips(wrapped.bytes)].entries()) {
      const refusal = bit < 8 ? 'wrong_form' : 'not_authentic';
      await assert.rejects(opened([row], { ...wrapped, bytes }, place), refusedAs(refusal));
    }
    for (const bytes of otherLengths(wrapped.bytes)) {
      await assert.rejects(opened([row], { ...wrapped, bytes }, place), refusedAs('wrong_form'));
    }
    for (const elsewhere of otherPlaces(place)) {
      await assert.rejects(opened([row], wrapped, elsewhere), refusedAs('not_authentic'));
    }
  });

  it('a row with a bit turned, or of another length, opens nothing', async () => {
    const withBytes = (bytes: Buffer) => [{ ...row, wrapped: { ...wrappedRow, bytes } }];
    for (const [bit, bytes] of [...bitFlips(wrappedRow.bytes)].entries()) {
      const refusal = bit < 8 ? 'wrong_form' : 'not_authentic';
      await assert.rejects(opened(withBytes(bytes), wrapped, place), refusedAs(refusal));
    }
    for (const bytes of otherLengths(wrappedRow.bytes)) {
      await assert.rejects(opened(withBytes(bytes), wrapped, place), refusedAs('wrong_form'));
    }
  });

  it('a row that was given another tenant, period or version opens nothing', async () => {
    for (const change of [{ tenant: 'globex' }, { period: '2026-11-24' }, { version: 3 }]) {
      await assert.rejects(opened([{ ...row, ...change }], wrapped, place), refusedAs('not_authentic'));
    }
    const renamed = { ...row, id: another.id };
    await assert.rejects(
      opened([renamed], { ...wrapped, kekId: another.id }, place),
      refusedAs('not_authentic'),
    );
    // With its tenant changed on both sides nothing but the row's own context tells.
    const theirs = { ...place, tenant: 'globex' };
    await assert.rejects(opened([{ ...row, tenant: 'globex' }], wrapped, theirs), refusedAs('not_authentic'));
  });

  it('rows exchanged between two tenants open nothing', async () => {
    const other = await rowOfAnother();
    const exchanged = [
      { ...row, wrapped: other.wrapped },
      { ...other, wrapped: row.wrapped },
    ];
    await assert.rejects(opened(exchanged, wrapped, place), refusedAs('not_authentic'));
    for (const at of [place, { ...place, tenant: 'globex' }]) {
      await assert.rejects(
        opened(exchanged, { ...wrapped, kekId: other.id }, at),
        refusedAs('not_authentic'),
      );
      await assert.rejects(
        opened([row, other], { ...wrapped, kekId: other.id }, at),
        refusedAs('not_authentic'),
      );
    }
  });

  it('an intermediate key’s row is no object’s key, and the other way', async () => {
    const asObject = { ...wrappedRow, wrapperId: INTERMEDIATE, kekId: row.id };
    for (const at of [place, intermediatePlace(row)]) {
      await assert.rejects(opened([row], asObject, at), refusedAs('not_authentic'));
    }
    await assert.rejects(keks.unwrap(wrappedRow, place), refusedAs('not_authentic'));
    // The row, under its right KEK, as the key of an object that takes over all of its place but the purpose.
    await assert.rejects(
      opened([row], wrappedRow, { ...intermediatePlace(row), purpose: 'object' }),
      refusedAs('not_authentic'),
    );
    const asRow = { ...row, wrapped: { ...wrappedRow, bytes: wrapped.bytes } };
    await assert.rejects(opened([asRow], wrapped, place), refusedAs('not_authentic'));
    const direct = await keks.wrap(CustomerKey.generate(), place);
    await assert.rejects(opened([{ ...row, wrapped: direct }], wrapped, place), refusedAs('not_authentic'));
  });

  it('what is under a row, wrapper or KEK that is not there is not ours', async () => {
    await assert.rejects(opened([], wrapped, place), notMine);
    await assert.rejects(opened([row], { ...wrapped, wrapperId: 'kms' }, place), notMine);
    for (const change of [{ wrapperId: 'kms' }, { kekId: 'kek-other' }, { wrapperId: INTERMEDIATE }]) {
      const moved = { ...row, wrapped: { ...wrappedRow, ...change } };
      await assert.rejects(opened([moved], wrapped, place), notMine);
    }
  });
});

describe('the vectors of the recovery copies of both', () => {
  const rowOf = (text: string) => readIntermediateCopy(Buffer.from(text));
  const { tenant, slot, generation, ...where } = place;

  it('are written as they were, and open the key with nothing but its KEK', async () => {
    assert.deepEqual(recoveryTags(place, wrapped), vector.tags);
    const copy = intermediateCopy(row);
    assert.deepEqual([copy.objectKey, Buffer.from(copy.bytes).toString()], Object.values(vector.copy));

    const found = readRecoveryTags(vector.tags);
    assert.deepEqual(found, { tenant, slot, generation, wrapped });
    assert.deepEqual(rowOf(vector.copy.text), row);
    assert.equal(await opened([row], found.wrapped, place), objects[0]!.keyHex);
  });

  it('open nothing with any letter of a tag changed', async () => {
    let read = 0;
    for (const name of Object.keys(vector.tags)) {
      for (const changed of bitFlips(Buffer.from(vector.tags[name]!))) {
        const found = readRecoveryTags({ ...vector.tags, [name]: changed.toString('latin1') });
        if (found === undefined) continue;
        read += 1;
        const { wrapped: copied, ...said } = found;
        await assert.rejects(opened([row], copied, { ...where, ...said }), notOpened);
      }
    }
    // Else this would only show that nothing is read.
    assert.ok(read > 100, `${read}`);
  });

  it('open nothing with any letter of the intermediate key’s copy changed, but for its time', async () => {
    let read = 0;
    for (const changed of bitFlips(Buffer.from(vector.copy.text))) {
      const found = readIntermediateCopy(changed);
      if (found === undefined || found.createdAt !== row.createdAt) continue;
      read += 1;
      await assert.rejects(opened([found], wrapped, place), notOpened);
    }
    assert.ok(read > 100, `${read}`);
  });

  it('are not read when they are cut short', () => {
    const text = Buffer.from(vector.copy.text);
    for (let length = 0; length < text.length; length += 1) {
      assert.equal(readIntermediateCopy(text.subarray(0, length)), undefined);
    }
    for (const name of Object.keys(vector.tags)) {
      assert.equal(readRecoveryTags({ ...vector.tags, [name]: '' }), undefined);
    }
  });

  it('open nothing with a tag cut short', async () => {
    for (const name of Object.keys(vector.tags)) {
      for (let length = 1; length < vector.tags[name]!.length; length += 1) {
        const found = readRecoveryTags({ ...vector.tags, [name]: vector.tags[name]!.slice(0, length) });
        if (found === undefined) continue;
        const { wrapped: copied, ...said } = found;
        await assert.rejects(opened([row], copied, { ...where, ...said }), notOpened);
      }
    }
  });
});
