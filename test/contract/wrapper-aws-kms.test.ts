import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, it, type TestContext } from 'node:test';
import type { AwsKmsConfig } from '../../src/config/config.ts';
import { awsKmsWrapper } from '../../src/custody/adapters/aws-kms.ts';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { KeyRefused } from '../../src/custody/errors.ts';
import type { KeyPlace, KeyWrapper } from '../../src/custody/port.ts';
import { unboundFields } from '../../src/custody/proof.ts';
import { DependencyUnavailable } from '../../src/errors.ts';
import { available } from '../support/available.ts';
import { kmsConfig, startKms } from '../support/kms.ts';
import { underIntermediates, wrapperSuite, type WrapperFixture } from './wrapper-suite.ts';

const backend = await available(startKms);
after(() => backend.stop());

const open = (keyId: string, changes: Partial<AwsKmsConfig> = {}): Promise<KeyWrapper> =>
  awsKmsWrapper({ id: 'kms', config: { ...kmsConfig(backend.get(), keyId), ...changes } });

async function make(): Promise<WrapperFixture> {
  const kms = backend.get();
  const [old, fresh, elsewhere] = [await kms.createKey(), await kms.createKey(), await kms.proxy()];
  const alias = `alias/${randomUUID()}`;
  await kms.createAlias(alias, old);
  const before = await open(alias);
  await kms.moveAlias(alias, fresh);
  elsewhere.refuse(old);
  return {
    before,
    during: await open(alias),
    after: await open(alias, { endpoint: new URL(elsewhere.endpoint) }),
    keeperDecides: true,
    close: () => elsewhere.cut(),
  };
}

wrapperSuite('AWS KMS', make, { skip: backend.skip });
wrapperSuite('AWS KMS under intermediate keys', underIntermediates(make), { skip: backend.skip });

const PLACE: KeyPlace = {
  purpose: 'object',
  tenant: 'acme',
  bucket: 'b',
  objectKey: 'acme/s1',
  slot: 's1',
  generation: 1,
};

describe('AWS KMS over TLS', { skip: backend.skip }, () => {
  /** A wrapper on a key and a way to it of its own, so that tests do not count each other's calls. */
  async function own(test: TestContext) {
    const [keyArn, kms] = [await backend.get().createKey(), await backend.get().proxy()];
    const wrapper = await open(keyArn, { endpoint: new URL(kms.endpoint) });
    test.after(async () => {
      wrapper.close();
      await kms.cut();
    });
    return { keyArn, kms, wrapper };
  }

  it('takes ARN, alias ARN, id and alias for the same key', async (test) => {
    const keyArn = await backend.get().createKey();
    const alias = `alias/${randomUUID()}`;
    await backend.get().createAlias(alias, keyArn);
    const aliasArn = keyArn.replace(/key\/.*/, alias);
    for (const keyId of [keyArn, aliasArn, keyArn.split('/')[1]!, alias]) {
      const wrapper = await open(keyId);
      test.after(() => wrapper.close());
      assert.equal((await wrapper.wrap(CustomerKey.generate(), PLACE)).kekId, keyArn);
    }
  });

  it('binds every field of a place', async (test) => {
    assert.deepEqual(await unboundFields((await own(test)).wrapper), []);
  });

  it('makes one call for each wrap, unwrap and rewrap, and none for "not mine"', async (test) => {
    const { keyArn, kms, wrapper } = await own(test);
    kms.forget();
    const wrapped = await wrapper.wrap(CustomerKey.generate(), PLACE);
    await wrapper.unwrap(wrapped, PLACE);
    await wrapper.rewrap(wrapped, PLACE);
    const foreign = keyArn.replace(/:[0-9]{12}:/, ':210987654321:');
    await assert.rejects(wrapper.unwrap({ ...wrapped, kekId: foreign }, PLACE));
    assert.deepEqual(
      kms.calls().map(({ operation }) => operation),
      ['Encrypt', 'Decrypt', 'ReEncrypt'],
    );
    assert.equal(kms.count('ReEncrypt', keyArn), 1);
  });

  it('tells of a KEK that is disabled or about to be deleted, and is refused by it', async (test) => {
    const { keyArn, wrapper } = await own(test);
    const wrapped = await wrapper.wrap(CustomerKey.generate(), PLACE);
    const refusal = (): Promise<string> =>
      wrapper.unwrap(wrapped, PLACE).then(
        () => 'opened',
        (error: unknown) => (error instanceof KeyRefused ? error.refusal : String(error)),
      );
    const condition = async () => {
      const again = await open(keyArn);
      test.after(() => again.close());
      return (await again.keks())[0]!;
    };
    await backend.get().disableKey(keyArn);
    assert.equal(await refusal(), 'kek_disabled');
    assert.deepEqual(await condition(), { wrapperId: 'kms', kekId: keyArn, state: 'disabled' });

    await backend.get().scheduleDeletion(keyArn);
    assert.equal(await refusal(), 'kek_pending_deletion');
    const { state, deletionAt } = await condition();
    assert.equal(state, 'pending_deletion');
    assert.ok(deletionAt !== undefined && deletionAt > Date.now());
  });

  it('says "later" while KMS is cut off, and goes on when it is back', async (test) => {
    const { kms, wrapper } = await own(test);
    const key = CustomerKey.generate();
    const wrapped = await wrapper.wrap(key, PLACE);
    await kms.cut();
    await assert.rejects(wrapper.unwrap(wrapped, PLACE), DependencyUnavailable);
    await kms.mend();
    assert.ok((await wrapper.unwrap(wrapped, PLACE)).equals(key));
  });

  it('sends nothing to a server whose certificate no trusted CA vouches for', async (test) => {
    const { keyArn, kms } = await own(test);
    kms.forget();
    const wrapper = await open(keyArn, { endpoint: new URL(kms.endpoint), ca: undefined });
    test.after(() => wrapper.close());
    await assert.rejects(wrapper.wrap(CustomerKey.generate(), PLACE), (error) => {
      assert.ok(error instanceof DependencyUnavailable);
      assert.match((error.cause as NodeJS.ErrnoException).code ?? '', /CERT|SIGNATURE|ISSUER/);
      return true;
    });
    assert.deepEqual(kms.calls(), []);
  });
});
