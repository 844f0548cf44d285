import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BODY } from '../../../src/doctor/conformance/trial.ts';
import { OTHER_KINDS } from '../../../src/doctor/conformance/checksums.ts';
import { examineConformance } from '../../../src/doctor/conformance.ts';
import { CHECKSUMS } from '../../support/stub-s3/checksums.ts';
import type { Fault } from '../../support/stub-s3.ts';
import { BUCKET, SUBJECT, examineAll, examined, stage } from './stub-examination.ts';

const IN_BRIEF: readonly (readonly [Fault, string])[] = [
  ['overwrites', 'overwrite: unsafe'],
  ['stores plain text', 'sse.named: unsafe'],
  ['answers without the key', 'key.needed: unsafe'],
  ['answers with any key', 'key.needed: unsafe'],
  ['takes expired urls', 'expiry: unsafe'],
  ['lets anybody write', 'anonymous.write: unsafe'],
  ['lets anybody delete', 'anonymous.write: unsafe'],
  ['hides that sse-c is blocked', 'sse.blocked: off'],
  ['knows no sse-c', 'put: off'],
  ['has a full disk', 'put: off'],
  ['forgets metadata', 'complete: off'],
];

describe('a server with one fault', () => {
  for (const [fault, expected] of [
    ...IN_BRIEF,
    ['ignores ranges', 'read: off'],
    ['cannot copy', 'copy: note'],
    ['corrupts copies', 'copy: unsafe'],
    ['is busy after a copy', 'copy: off'],
  ] as const) {
    it(`${fault}: ${expected}, and nothing is left`, async () => {
      const { notOk, left } = await examined({ fault });
      assert.deepEqual(notOk, [expected]);
      assert.deepEqual(left, []);
    });
  }

  it('fails to copy for another reason than that it cannot: re-keying is off', async () => {
    const { notOk, found } = await examined({ fault: 'denies copies' });
    assert.deepEqual(notOk, ['copy: off']);
    assert.match(found('copy').remedy ?? '', /s3:GetObjectVersion/);
    assert.deepEqual(found('copy').off, ['re-keying']);
  });

  it('gives other bytes: neither a download nor a copy can be believed', async () => {
    const { notOk, left } = await examined({ fault: 'gives other bytes' });
    assert.deepEqual(notOk, ['read: unsafe', 'copy: unsafe']);
    assert.deepEqual(left, []);
  });

  it('ignores checksums: sha256 is off, and the other kinds are not checked', async () => {
    const { notOk, left } = await examined({ fault: 'ignores checksums' });
    assert.deepEqual(notOk, ['checksum.sha256: off', 'checksum.others: note']);
    assert.deepEqual(left, []);
  });

  it('believes checksums: a wrong file would be handed out', async () => {
    const { notOk, left } = await examined({ fault: 'believes checksums' });
    assert.deepEqual(notOk, ['checksum.sha256: unsafe', 'checksum.others: note']);
    assert.deepEqual(left, []);
  });
});

describe('a brief run', () => {
  it('is right in few requests', async () => {
    await using on = await stage();
    const { signal } = new AbortController();
    const run = { subject: SUBJECT, brief: true, tagged: false, methods: new Set(['PUT'] as const), signal };
    const findings = await Array.fromAsync(examineConformance(on.asker, on.canaries, run));
    assert.deepEqual(
      findings.map(({ check, outcome }) => `${check}: ${outcome}`),
      [
        'sse.named: ok',
        'overwrite: ok',
        'key.needed: ok',
        'read: ok',
        'signature: ok',
        'expiry: ok',
        'anonymous.write: ok',
      ],
    );
    assert.ok(on.stub.requests() <= 12, `${on.stub.requests()} requests`);
    assert.deepEqual(await on.canaries.remove(), []);
    assert.deepEqual(on.stub.objects(BUCKET), []);
  });

  for (const [fault, expected] of [...IN_BRIEF, ['gives other bytes', 'read: unsafe']] as const) {
    it(`notices one that ${fault}`, async () => {
      const { notOk, left } = await examined({ fault, brief: true });
      assert.deepEqual(notOk, [expected]);
      assert.deepEqual(left, []);
    });
  }
});

describe('a bucket that everybody may read', () => {
  it('is noted, with what to take away, and nothing is left', async () => {
    const { notOk, found, left } = await examined({ fault: 'lets anybody read' });
    assert.deepEqual(notOk, ['anonymous.list: note', 'anonymous.read: note']);
    assert.match(found('anonymous.list').remedy ?? '', /s3:ListBucket/);
    assert.match(found('anonymous.read').remedy ?? '', /s3:GetObject/);
    assert.deepEqual(left, []);
  });
});

describe('a busy server', () => {
  it('is asked again, and is right', async () => {
    const { notOk, left } = await examined({ fault: 'is busy at first' });
    assert.deepEqual(notOk, []);
    assert.deepEqual(left, []);
  });

  for (const brief of [false, true]) {
    it(`that stays so is never called right, ${brief ? 'brief' : 'whole'}`, async () => {
      const { notOk, found, left } = await examined({ fault: 'is busy after the first upload', brief });
      const open = ['overwrite', 'key.needed', 'read', 'signature', 'expiry', 'anonymous.write'];
      const further = ['checksum.sha256', 'right.tags', 'copy'];
      const wrong = (brief ? open : [...open, ...further]).map((check) => `${check}: off`);
      assert.deepEqual(
        notOk.filter((line) => !line.endsWith(': note')),
        wrong,
      );
      assert.match(found('overwrite').found, /not examined: S3 says 503 SlowDown/);
      assert.deepEqual(found('overwrite').off, ['what could not be examined']);
      assert.deepEqual(left, []);
    });
  }

  it('may check no signature', async () => {
    const { notOk } = await examined({ fault: 'is busy with objects' });
    assert.deepEqual(notOk, ['signature: off', 'right.list: off', 'right.delete: off', 'canaries: note']);
  });
});

describe('what is not checked by the signature', () => {
  it('is named, header by header', async () => {
    await using on = await stage({ fault: 'checks no signature' });
    const { signal } = new AbortController();
    const run = { subject: SUBJECT, brief: false, tagged: false, methods: new Set(['PUT'] as const), signal };
    const findings = await Array.fromAsync(examineConformance(on.asker, on.canaries, run));
    const finding = findings.find(({ check }) => check === 'signature');
    assert.equal(finding?.outcome, 'unsafe');
    for (const name of [
      'content-type',
      'if-none-match',
      'the customer key',
      'SSE-C altogether',
      'content-length',
    ])
      assert.ok(finding.found.includes(name), name);
    assert.deepEqual(await on.canaries.remove(), []);
    assert.deepEqual(on.stub.objects(BUCKET), []);
  });
});

describe('an aborted run', () => {
  it('asks nothing more, ends without a word, and leaves nothing', async () => {
    await using on = await stage();
    const controller = new AbortController();
    const checks: string[] = [];
    let atAbort = 0;
    for await (const { check } of examineAll(on, { signal: controller.signal })) {
      checks.push(check);
      if (check !== 'overwrite') continue;
      atAbort = on.stub.requests();
      controller.abort();
    }
    assert.equal(checks.at(-1), 'overwrite');
    assert.equal(on.stub.requests(), atAbort);
    assert.equal(on.stub.objects(BUCKET).length, 1);
    assert.deepEqual(await on.canaries.remove(), []);
    assert.deepEqual(on.stub.objects(BUCKET), []);
  });
});

describe("the canary's body", () => {
  it('has the checksums that are sent with it', () => {
    assert.equal(CHECKSUMS['crc32c']?.(BODY), OTHER_KINDS.CRC32C);
    assert.equal(CHECKSUMS['crc64nvme']?.(BODY), OTHER_KINDS.CRC64NVME);
  });
});

describe('findings', () => {
  it('name no key, no secret and no URL', async () => {
    for (const fault of ['stores plain text', 'checks no signature', 'denies get'] as const) {
      const text = JSON.stringify((await examined({ fault })).findings);
      assert.ok(!/X-Amz-|https:|sealslot-test-secret/.test(text), fault);
    }
  });
});
