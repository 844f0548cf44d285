import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { awsKmsWrapper } from '../../../src/custody/adapters/aws-kms.ts';
import type { KeyWrapper } from '../../../src/custody/port.ts';
import { rememberedProof } from '../../../src/custody/readiness.ts';
import { KEY_ARN, fakeKms, fakeKmsConfig, kmsError } from '../../support/fake-kms.ts';

const MINUTE = 60_000;

const opened: KeyWrapper[] = [];
afterEach(() => opened.splice(0).forEach((wrapper) => wrapper.close()));

async function open(kms = fakeKms(), now = () => 0) {
  const config = fakeKmsConfig();
  const wrapper = await awsKmsWrapper({ id: 'kms', config, now, requestHandler: kms.handler });
  opened.push(wrapper);
  return { kms, wrapper };
}

describe('AWS KMS: the condition of the KEK', () => {
  const FIT = { KeyUsage: 'ENCRYPT_DECRYPT', KeySpec: 'SYMMETRIC_DEFAULT' };

  for (const [KeyState, state] of [
    ['Enabled', 'usable'],
    ['Updating', 'usable'],
    ['Disabled', 'disabled'],
    ['PendingDeletion', 'pending_deletion'],
    ['PendingReplicaDeletion', 'pending_deletion'],
  ] as const) {
    it(`is ${state} when KMS says ${KeyState}`, async () => {
      const kms = fakeKms();
      kms.metadata = { ...FIT, KeyState };
      const { wrapper } = await open(kms);
      assert.deepEqual(await wrapper.keks(), [{ wrapperId: 'kms', kekId: KEY_ARN, state }]);
    });
  }

  it('tells when the KEK will be deleted', async () => {
    const kms = fakeKms();
    kms.metadata = { ...FIT, KeyState: 'PendingDeletion', DeletionDate: 1_795_467_794.25 };
    const { wrapper } = await open(kms);
    assert.equal((await wrapper.keks())[0]?.deletionAt, 1_795_467_794_250);
  });

  it('is unknown, with a reason, when KMS says something else or nothing', async () => {
    let at = 0;
    const kms = fakeKms();
    kms.metadata = { ...FIT, KeyState: 'PendingImport' };
    const { wrapper } = await open(kms, () => at);
    const [{ state, detail } = {}] = await wrapper.keks();
    assert.equal(state, 'unknown');
    assert.match(detail ?? '', /PendingImport/);

    at += MINUTE;
    for (const name of ['AccessDeniedException', 'DependencyTimeoutException']) {
      kms.answer = () => kmsError(name);
      const [told] = await wrapper.keks();
      assert.equal(told?.state, 'unknown');
      assert.equal(told.kekId, KEY_ARN);
      assert.match(told.detail ?? '', new RegExp(name));
    }
  });

  it('is unknown, with the cause, when KMS was never reached', async () => {
    const kms = fakeKms();
    kms.answer = () =>
      Object.assign(new Error('unable to verify'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    const { wrapper } = await open(kms);
    const [{ state, detail } = {}] = await wrapper.keks();
    assert.equal(state, 'unknown');
    assert.equal(detail, 'AWS KMS does not answer as it should. (UNABLE_TO_VERIFY_LEAF_SIGNATURE)');
  });

  for (const [KeyState, name, refusal] of [
    ['Disabled', 'DisabledException', 'kek_disabled'],
    ['PendingDeletion', 'KMSInvalidStateException', 'kek_pending_deletion'],
  ] as const) {
    it(`does not keep the service from its start when it is ${KeyState}, but from being ready`, async () => {
      const kms = fakeKms();
      kms.metadata = { ...FIT, KeyState };
      kms.answer = ({ operation }) =>
        operation === 'DescribeKey' ? undefined : kmsError(name, 400, `${KEY_ARN} is pending deletion.`);
      const { wrapper } = await open(kms);
      await assert.rejects(rememberedProof(wrapper, 10, () => 0)(), { code: 'key_refused', refusal });
    });
  }

  it('is asked once a minute, by one call, and not kept when KMS did not answer', async () => {
    let at = 0;
    const { kms, wrapper } = await open(fakeKms(), () => at);
    await wrapper.keks();
    at += MINUTE - 1;
    await wrapper.keks();
    assert.equal(kms.count('DescribeKey'), 1);

    at += 1;
    kms.metadata = { ...FIT, KeyState: 'Disabled' };
    const told = await Promise.all([wrapper.keks(), wrapper.keks()]);
    assert.deepEqual(
      told.map(([kek]) => kek?.state),
      ['disabled', 'disabled'],
    );
    assert.equal(kms.count('DescribeKey'), 2);
    assert.equal(kms.asked.at(-1)?.input['KeyId'], KEY_ARN);

    at += MINUTE;
    kms.answer = () => kmsError('AccessDeniedException');
    assert.equal((await wrapper.keks())[0]?.state, 'unknown');
    kms.answer = undefined;
    assert.equal((await wrapper.keks())[0]?.state, 'disabled');
  });
});
