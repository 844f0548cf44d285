import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import { describe, it } from 'node:test';
import { Asker } from '../../../../src/doctor/ask.ts';
import { examineRecoveryBucket } from '../../../../src/doctor/bucket/recovery.ts';
import type { Fault } from '../../../support/stub-s3.ts';
import { BUCKET, examined, stage, type StageOptions } from '../stub-examination.ts';

const RUN = {
  subject: `recovery bucket ${BUCKET} on main`,
  region: 'us-east-1',
  target: 'main',
  isNeeded: true,
};

const recovery = (options: StageOptions = {}, run = RUN) =>
  examined(options, ({ asker, canaries }) => examineRecoveryBucket(asker, canaries, run));

describe('a recovery bucket', () => {
  for (const fault of [undefined, 'has no versions', 'has blocked sse-c', 'is busy at first'] as const) {
    it(`is right${fault === undefined ? '' : ` though it ${fault}`}, and nothing is left`, async () => {
      const { findings, notOk, left } = await recovery(
        fault === undefined ? {} : { fault, versioning: fault !== 'has no versions' },
      );
      assert.deepEqual(notOk, []);
      assert.deepEqual(
        findings.map(({ check }) => check),
        ['recovery.bucket', 'recovery.list', 'recovery.public', 'recovery.delete'],
      );
      assert.deepEqual(left, []);
    });
  }

  const wrong: readonly (readonly [Fault, string, RegExp])[] = [
    ['denies put', 'recovery.bucket: off', /s3:PutObject .*no policy of it may demand SSE-C/],
    ['denies get', 'recovery.bucket: off', /s3:GetObject on/],
    ['gives other bytes', 'recovery.bucket: off', /gives back what it was given/],
    ['denies versions', 'recovery.list: off', /s3:ListBucketVersions and s3:ListBucket on/],
    ['lets anybody read', 'recovery.public: unsafe', /take s3:GetObject away from everybody/],
    ['denies uploads', 'recovery.delete: note', /s3:ListBucketMultipartUploads/],
  ];
  for (const [fault, expected, remedy] of wrong) {
    it(`that ${fault}: ${expected}, and nothing is left`, async () => {
      const { notOk, found, left } = await recovery({ fault });
      assert.deepEqual(notOk, [expected]);
      assert.match(found(expected.split(':')[0] ?? '').remedy ?? '', remedy);
      assert.deepEqual(left, []);
    });
  }

  it('from which nothing may be removed gets no canary', async () => {
    const { notOk, found, left } = await recovery({ fault: 'denies delete' });
    assert.deepEqual(notOk, ['recovery.bucket: note']);
    assert.match(found('recovery.bucket').remedy ?? '', /acme-uploads\/\.sealslot-doctor\/\*/);
    assert.deepEqual(left, []);
  });

  it('that stays busy is never called right', async () => {
    const { notOk } = await recovery({ fault: 'is busy after the first upload' });
    assert.deepEqual(notOk, ['recovery.bucket: off']);
  });

  it('that is not there is named with the setting; new slots are off where intermediate keys are made', async () => {
    for (const isNeeded of [true, false]) {
      await using on = await stage();
      const agent = new Agent({ ca: on.stub.caPem });
      const asker = new Asker({ target: on.target, bucket: 'nowhere', agent, now: Date.now });
      const run = { ...RUN, isNeeded };
      const [finding, ...more] = await Array.fromAsync(examineRecoveryBucket(asker, on.canaries, run));
      agent.destroy();
      assert.deepEqual(more, []);
      assert.equal(`${finding?.check} ${finding?.outcome}`, 'recovery.bucket off');
      assert.match(
        finding?.remedy ?? '',
        /correct `custody\.recovery\.bucket`, or make it:\naws s3api create-bucket/,
      );
      assert.deepEqual(finding?.off, [...(isNeeded ? ['new slots'] : []), 'sealslot recover']);
    }
  });
});
