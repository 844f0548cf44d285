import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, describe, it } from 'node:test';
import { awsKmsWrapper } from '../../../src/custody/adapters/aws-kms.ts';
import { encodeContext } from '../../../src/custody/context.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { KeyNotMine, KeyRefused } from '../../../src/custody/errors.ts';
import type { KeyPlace, KeyWrapper } from '../../../src/custody/port.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { ALIAS, KEY_ARN, OTHER_ARN, fakeKms, fakeKmsConfig, kmsError } from '../../support/fake-kms.ts';

const PLACE: KeyPlace = {
  purpose: 'object',
  tenant: 'acme',
  bucket: 'acme-uploads',
  objectKey: 'acme/2026/s1/Kündigung Müller.pdf',
  slot: 's1',
  generation: 1,
};
const KEY = CustomerKey.generate();

const contextUnder = (kekId: string) => ({
  tenant: 'acme',
  slot: 's1',
  v: '1',
  ctx: createHash('sha256')
    .update(encodeContext('kms', kekId, PLACE))
    .digest('base64url'),
});

const opened: KeyWrapper[] = [];
afterEach(() => opened.splice(0).forEach((wrapper) => wrapper.close()));

async function open(kms = fakeKms(), changes: Parameters<typeof fakeKmsConfig>[0] = {}) {
  const config = fakeKmsConfig(changes);
  const wrapper = await awsKmsWrapper({ id: 'kms', config, requestHandler: kms.handler });
  opened.push(wrapper);
  return { kms, wrapper };
}

describe('AWS KMS: the calls', () => {
  it('encrypts under the ARN, in the context, of which the names of files are only a hash', async () => {
    const { kms, wrapper } = await open();
    const wrapped = await wrapper.wrap(KEY, PLACE);
    assert.equal(wrapped.kekId, KEY_ARN);
    assert.deepEqual(kms.asked.at(-1), {
      operation: 'Encrypt',
      host: 'kms.eu-central-1.amazonaws.com',
      input: {
        KeyId: KEY_ARN,
        Plaintext: KEY.bytes().toString('base64'),
        EncryptionContext: contextUnder(KEY_ARN),
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      },
    });
    assert.ok(!JSON.stringify(kms.asked).includes('ller.pdf'));
  });

  it('decrypts with the stored ARN and the context, both always', async () => {
    const { kms, wrapper } = await open();
    const wrapped = await wrapper.wrap(KEY, PLACE);
    assert.ok((await wrapper.unwrap(wrapped, PLACE)).equals(KEY));
    assert.deepEqual(kms.asked.at(-1)?.input, {
      KeyId: KEY_ARN,
      CiphertextBlob: Buffer.from(wrapped.bytes).toString('base64'),
      EncryptionContext: contextUnder(KEY_ARN),
      EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
    });
  });

  it('rewraps inside KMS, from the stored KEK to the current one', async () => {
    const kms = fakeKms();
    const old = await (await open(kms)).wrapper.wrap(KEY, PLACE);
    kms.aliased = OTHER_ARN;
    const { wrapper } = await open(kms);
    kms.asked.length = 0;

    const moved = await wrapper.rewrap(old, PLACE);
    assert.equal(moved.kekId, OTHER_ARN);
    assert.deepEqual(
      kms.asked.map(({ operation, input }) => ({ operation, input })),
      [
        {
          operation: 'ReEncrypt',
          input: {
            CiphertextBlob: Buffer.from(old.bytes).toString('base64'),
            SourceKeyId: KEY_ARN,
            SourceEncryptionContext: contextUnder(KEY_ARN),
            SourceEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
            DestinationKeyId: OTHER_ARN,
            DestinationEncryptionContext: contextUnder(OTHER_ARN),
            DestinationEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
          },
        },
      ],
    );
    assert.ok((await wrapper.unwrap(moved, PLACE)).equals(KEY));
  });

  it('asks the FIPS endpoint when told to', async () => {
    const { kms } = await open(fakeKms(), { fips: true });
    assert.equal(kms.asked[0]?.host, 'kms-fips.eu-central-1.amazonaws.com');
  });

  it('takes its address from the configuration, never from the environment', async (test) => {
    const before = process.env['AWS_ENDPOINT_URL'];
    process.env['AWS_ENDPOINT_URL'] = 'http://evil.example';
    test.after(() => {
      if (before === undefined) delete process.env['AWS_ENDPOINT_URL'];
      else process.env['AWS_ENDPOINT_URL'] = before;
    });
    const { kms } = await open();
    assert.equal(kms.asked[0]?.host, 'kms.eu-central-1.amazonaws.com');
    const elsewhere = await open(fakeKms(), { endpoint: new URL('https://vpce-1.example') });
    assert.equal(elsewhere.kms.asked[0]?.host, 'vpce-1.example');
  });

  it('ends its connections', async () => {
    const { kms, wrapper } = await open();
    wrapper.close();
    assert.equal(kms.closed, true);
  });
});

describe('AWS KMS: which key', () => {
  it('is asked once; a moved alias changes nothing until the next start', async () => {
    const { kms, wrapper } = await open();
    kms.aliased = OTHER_ARN;
    const wrapped = await wrapper.wrap(KEY, PLACE);
    assert.equal(wrapped.kekId, KEY_ARN);
    assert.equal(await wrapper.isCurrent(wrapped), true);
    assert.equal(await wrapper.isCurrent({ ...wrapped, kekId: OTHER_ARN }), false);
    assert.equal(await wrapper.isCurrent({ ...wrapped, wrapperId: 'other' }), false);
    assert.equal(kms.count('DescribeKey'), 1);
  });

  it('is asked at first use, by one call, when KMS did not answer at start', async () => {
    const kms = fakeKms();
    kms.answer = () => kmsError('KMSInternalException', 500);
    const { wrapper } = await open(kms);
    await assert.rejects(wrapper.wrap(KEY, PLACE), DependencyUnavailable);
    assert.equal((await wrapper.keks())[0]?.kekId, ALIAS);

    kms.answer = undefined;
    kms.asked.length = 0;
    const all = await Promise.all(Array.from({ length: 10 }, () => wrapper.wrap(KEY, PLACE)));
    assert.equal(kms.count('DescribeKey'), 1);
    assert.ok(all.every(({ kekId }) => kekId === KEY_ARN));
  });

  for (const [what, metadata] of [
    ['an asymmetric key', { KeyUsage: 'ENCRYPT_DECRYPT', KeySpec: 'RSA_4096' }],
    ['a key for signing', { KeyUsage: 'SIGN_VERIFY', KeySpec: 'ECC_NIST_P256' }],
    ['a key for MACs', { KeyUsage: 'GENERATE_VERIFY_MAC', KeySpec: 'HMAC_256' }],
  ] as const) {
    it(`is refused at start when it is ${what}`, async () => {
      const kms = fakeKms();
      kms.metadata = metadata;
      await assert.rejects(open(kms), (error) => {
        assert.ok(error instanceof KeyRefused);
        assert.equal(error.refusal, 'kek_unfit');
        return true;
      });
      assert.equal(kms.closed, true);
    });
  }

  it('is refused at start when KMS says that there is none', async () => {
    const kms = fakeKms();
    kms.answer = () => kmsError('NotFoundException');
    await assert.rejects(open(kms), KeyRefused);
  });
});

describe('AWS KMS: what it does not ask', () => {
  const FOREIGN = {
    'another account': KEY_ARN.replace('123456789012', '210987654321'),
    'another region': KEY_ARN.replace('eu-central-1', 'us-east-1'),
    'another partition': KEY_ARN.replace('arn:aws:', 'arn:aws-cn:'),
    'an alias': 'arn:aws:kms:eu-central-1:123456789012:alias/sealslot',
    'a key id alone': '11111111-2222-4333-8444-555555555555',
    'an ARN with more behind it': `${KEY_ARN}/x`,
    nothing: '',
  };
  for (const [what, kekId] of Object.entries(FOREIGN)) {
    it(`is not for ${what}`, async () => {
      const { kms, wrapper } = await open();
      const wrapped = { ...(await wrapper.wrap(KEY, PLACE)), kekId };
      kms.asked.length = 0;
      await assert.rejects(wrapper.unwrap(wrapped, PLACE), KeyNotMine);
      await assert.rejects(wrapper.rewrap(wrapped, PLACE), KeyNotMine);
      assert.equal(await wrapper.isCurrent(wrapped), false);
      assert.deepEqual(kms.asked, []);
    });
  }

  it('asks for another key of its account: IAM decides', async () => {
    const { kms, wrapper } = await open();
    const wrapped = { ...(await wrapper.wrap(KEY, PLACE)), kekId: OTHER_ARN };
    kms.answer = () => kmsError('AccessDeniedException');
    await assert.rejects(wrapper.unwrap(wrapped, PLACE), KeyRefused);
    assert.equal(kms.asked.at(-1)?.input['KeyId'], OTHER_ARN);
  });

  it("is not for another wrapper's keys, nor for bytes that KMS would not take", async () => {
    const { kms, wrapper } = await open();
    const wrapped = await wrapper.wrap(KEY, PLACE);
    kms.asked.length = 0;
    await assert.rejects(wrapper.unwrap({ ...wrapped, wrapperId: 'local' }, PLACE), KeyNotMine);
    for (const length of [0, 6145]) {
      await assert.rejects(wrapper.unwrap({ ...wrapped, bytes: new Uint8Array(length) }, PLACE), KeyRefused);
    }
    assert.deepEqual(kms.asked, []);
  });
});

describe('AWS KMS: answers that are not for the question', () => {
  for (const [operation, named] of [
    ['Encrypt', { KeyId: OTHER_ARN }],
    ['Decrypt', { KeyId: OTHER_ARN }],
    ['ReEncrypt', { KeyId: OTHER_ARN, SourceKeyId: KEY_ARN }],
    ['ReEncrypt', { KeyId: KEY_ARN, SourceKeyId: OTHER_ARN }],
  ] as const) {
    it(`refuses ${operation} by another key than the one asked: ${Object.keys(named).join()}`, async () => {
      const { kms, wrapper } = await open();
      const wrapped = await wrapper.wrap(KEY, PLACE);
      const blob = KEY.bytes().toString('base64');
      kms.answer = () => ({ body: { CiphertextBlob: blob, Plaintext: blob, ...named } });
      await assert.rejects(
        {
          Encrypt: () => wrapper.wrap(KEY, PLACE),
          Decrypt: () => wrapper.unwrap(wrapped, PLACE),
          ReEncrypt: () => wrapper.rewrap(wrapped, PLACE),
        }[operation](),
        KeyRefused,
      );
    });
  }

  it('refuses a plaintext that is no customer key', async () => {
    const { kms, wrapper } = await open();
    const wrapped = await wrapper.wrap(KEY, PLACE);
    for (const length of [0, 16, 33]) {
      const Plaintext = Buffer.alloc(length, 1).toString('base64');
      kms.answer = () => ({ body: { KeyId: KEY_ARN, Plaintext } });
      await assert.rejects(wrapper.unwrap(wrapped, PLACE), KeyRefused);
    }
  });
});
