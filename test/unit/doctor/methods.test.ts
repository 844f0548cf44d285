import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { methodsOn } from '../../../src/doctor/target.ts';
import { TENANT } from '../../support/harness.ts';
import type { Fault } from '../../support/stub-s3.ts';
import { BUCKET, examineAll, examined, stage } from './stub-examination.ts';

const FORMS = { methods: ['PUT', 'POST'] } as const;
const PARTS = { methods: ['PUT', 'multipart'] } as const;

describe('forms', () => {
  for (const brief of [false, true]) {
    const run = brief ? 'in brief' : 'whole';

    it(`are right on a right server, ${run}`, async () => {
      const { notOk, found, left } = await examined({ ...FORMS, brief });
      assert.deepEqual(notOk, []);
      for (const check of ['form', 'form.signature', 'form.fanout']) assert.equal(found(check).outcome, 'ok');
      assert.deepEqual(left, []);
    });

    for (const [fault, expected] of [
      ['denies forms', 'form: off'],
      ['takes any form', 'form.signature: unsafe'],
      ['forgets the key of forms', 'form: unsafe'],
      ['fans out', 'form.fanout: unsafe'],
    ] as const satisfies readonly (readonly [Fault, string])[]) {
      it(`of a server that ${fault}, ${run}: ${expected}`, async () => {
        const { notOk, found, left } = await examined({ ...FORMS, brief, fault });
        assert.deepEqual(notOk, [expected]);
        assert.match(
          found(expected.split(':')[0] ?? '').remedy ?? '',
          /take POST out of `tenants\.\*\.methods`/,
        );
        assert.deepEqual(left, []);
        assert.deepEqual((await examined({ brief, fault })).notOk, []);
      });
    }
  }

  it('differ in each way that is named', async () => {
    const { found } = await examined({ ...FORMS, fault: 'takes any form' });
    assert.match(found('form.signature').found, /Content-Type, the customer key, the object key, the size$/);
  });
});

describe('uploads in parts', () => {
  it('are right on a right server, and not looked at in brief', async () => {
    const { notOk, found, left } = await examined(PARTS);
    assert.deepEqual(notOk, []);
    for (const check of ['multipart', 'multipart.signature']) assert.equal(found(check).outcome, 'ok');
    assert.deepEqual(left, []);
    const { findings } = await examined({ ...PARTS, brief: true });
    assert.ok(!findings.some(({ check }) => check.startsWith('multipart')));
  });

  for (const [fault, expected] of [
    ['knows no parts', ['multipart: off']],
    ['forgets the key of parts', ['multipart: unsafe']],
    ['takes any part', ['multipart.signature: unsafe']],
    ['denies aborting', ['right.abort: off']],
    ['denies parts', ['right.parts: off']],
    ['checks no signature', ['signature: unsafe']],
  ] as const satisfies readonly (readonly [Fault, readonly string[]])[]) {
    it(`of a server that ${fault}: ${expected.join()}`, async () => {
      const { notOk, left } = await examined({ ...PARTS, fault });
      assert.deepEqual(notOk, expected);
      assert.deepEqual(left, []);
    });
  }

  it('that stop midway are thrown away', async () => {
    await using on = await stage();
    const controller = new AbortController();
    for await (const { check } of examineAll(on, { ...PARTS, signal: controller.signal }))
      if (check === 'multipart.signature') controller.abort();
    assert.equal(on.stub.objects(BUCKET).filter((name) => name.endsWith('/in-parts')).length, 1);
    assert.deepEqual(await on.canaries.remove(), []);
    assert.deepEqual(on.stub.objects(BUCKET), []);
  });
});

describe('the methods of a bucket', () => {
  it('are those of all its tenants', () => {
    const tenants = {
      acme: { ...TENANT, methods: ['PUT'] as const },
      globex: { ...TENANT, methods: ['POST'] as const },
      initech: { ...TENANT, bucket: 'others', methods: ['multipart'] as const },
      hooli: { ...TENANT, target: 'second', methods: ['multipart'] as const },
    };
    assert.deepEqual(methodsOn({ tenants }, 'main', TENANT.bucket), new Set(['PUT', 'POST']));
  });
});
