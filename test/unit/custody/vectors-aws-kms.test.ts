import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { awsKmsWrapper } from '../../../src/custody/adapters/aws-kms.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import type { KeyPlace, KeyWrapper, WrappedKey } from '../../../src/custody/port.ts';
import { fakeKms, fakeKmsConfig, kmsError, type Asked, type Reply } from '../../support/fake-kms.ts';
import { bitFlips, hex, notMine, otherLengths, otherPlaces, readVector, refusedAs } from './vectors.ts';

interface Case {
  readonly kekId: string;
  readonly place: KeyPlace;
  readonly encryptionContext: Readonly<Record<string, string>>;
}

interface Vector {
  readonly wrapperId: string;
  readonly keyHex: string;
  readonly ciphertextBlob: string;
  readonly bytesHex: string;
  readonly cases: readonly Case[];
}

const vector = await readVector<Vector>('aws-kms');
const { wrapperId, ciphertextBlob, cases } = vector;
const { kekId, place } = cases[0]!;
const wrapped: WrappedKey = { wrapperId, kekId, bytes: hex(vector.bytesHex) };
const Plaintext = hex(vector.keyHex).toString('base64');

/** A KMS that knows one ciphertext, in one context. */
function knowing({ kekId: arn, encryptionContext }: Case) {
  const expected = {
    KeyId: arn,
    EncryptionContext: encryptionContext,
    EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
  };
  const isSame = (input: unknown, more: object) => {
    try {
      assert.deepEqual(input, { ...expected, ...more });
      return true;
    } catch {
      return false;
    }
  };
  return ({ operation, input }: Asked): Reply | undefined => {
    if (operation === 'Encrypt' && isSame(input, { Plaintext }))
      return { body: { KeyId: arn, CiphertextBlob: ciphertextBlob } };
    if (operation === 'Decrypt' && isSame(input, { CiphertextBlob: ciphertextBlob }))
      return { body: { KeyId: arn, Plaintext } };
    return operation === 'DescribeKey' ? undefined : kmsError('InvalidCiphertextException');
  };
}

describe('the vectors of AWS KMS', () => {
  const kms = fakeKms();
  let wrapper: KeyWrapper;
  before(async () => {
    wrapper = await awsKmsWrapper({ id: wrapperId, config: fakeKmsConfig(), requestHandler: kms.handler });
  });
  beforeEach(() => {
    kms.answer = knowing(cases[0]!);
    kms.asked.length = 0;
  });
  after(() => wrapper.close());

  it('are what KMS is told of each place, and open', async () => {
    for (const each of cases) {
      kms.answer = knowing(each);
      const opened = await wrapper.unwrap({ ...wrapped, kekId: each.kekId }, each.place);
      assert.equal(opened.bytes().toString('hex'), vector.keyHex);
    }
    assert.equal(new Set(cases.map((each) => each.encryptionContext['ctx'])).size, 10);
  });

  it('are what it is told when a key is wrapped, and its answer is stored as it is', async () => {
    for (const each of cases.filter((one) => one.kekId === kekId)) {
      kms.answer = knowing(each);
      const made = await wrapper.wrap(CustomerKey.fromBytes(hex(vector.keyHex)), each.place);
      assert.deepEqual({ ...made, bytes: Buffer.from(made.bytes) }, wrapped);
    }
  });

  it('open in no other place', async () => {
    for (const elsewhere of otherPlaces(place)) {
      await assert.rejects(wrapper.unwrap(wrapped, elsewhere), refusedAs('not_authentic'));
    }
  });

  it('open with no bit turned and at no other length, for KMS is given what is stored', async () => {
    for (const bytes of bitFlips(wrapped.bytes)) {
      await assert.rejects(wrapper.unwrap({ ...wrapped, bytes }, place), refusedAs('not_authentic'));
    }
    assert.equal(kms.count('Decrypt'), wrapped.bytes.length * 8);
    for (const bytes of otherLengths(wrapped.bytes)) {
      const refusal = bytes.length === 0 ? 'wrong_form' : 'not_authentic';
      await assert.rejects(wrapper.unwrap({ ...wrapped, bytes }, place), refusedAs(refusal));
    }
  });

  it('that are no ciphertext of KMS, by their length, never reach it', async () => {
    for (const length of [0, 6145, 100_000]) {
      const bytes = Buffer.alloc(length, 1);
      await assert.rejects(wrapper.unwrap({ ...wrapped, bytes }, place), refusedAs('wrong_form'));
    }
    assert.deepEqual(kms.asked, []);
  });

  it('of another wrapper, account or region are not ours; of another key they do not open', async () => {
    const [account, region] = ['999999999999', 'eu-west-1'];
    for (const foreign of [
      { wrapperId: 'local' },
      { kekId: kekId.replace('123456789012', account) },
      { kekId: kekId.replace('eu-central-1', region) },
      { kekId: 'alias/sealslot' },
      { kekId: '' },
    ]) {
      await assert.rejects(wrapper.unwrap({ ...wrapped, ...foreign }, place), notMine);
    }
    assert.equal(kms.count('Decrypt'), 0);
    const relabelled = { ...wrapped, kekId: cases.at(-1)!.kekId };
    assert.notEqual(relabelled.kekId, kekId);
    await assert.rejects(wrapper.unwrap(relabelled, place), refusedAs('not_authentic'));
  });

  it('of which KMS makes something else than a customer key are refused', async () => {
    for (const length of [0, 1, 31, 33, 64]) {
      const body = { KeyId: kekId, Plaintext: Buffer.alloc(length, 1).toString('base64') };
      kms.answer = () => ({ body });
      await assert.rejects(wrapper.unwrap(wrapped, place), refusedAs('wrong_form'));
    }
  });
});
