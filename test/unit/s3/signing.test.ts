import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Signings } from '../../../src/s3/adapters/signing.ts';
import type { AwsCredentials } from '../../../src/s3/credentials.ts';

const NOON = Date.parse('2026-11-23T12:00:00Z');
const MIDNIGHT = Date.parse('2026-11-24T00:00:00Z');
const STATIC: AwsCredentials = { accessKeyId: 'AKIA', secretAccessKey: 'secret' };

describe('what is kept between URLs', () => {
  it('is all within a second, though the provider hands out a new object each time', () => {
    const signings = new Signings('eu-central-1');
    const first = signings.at(NOON, STATIC);
    assert.equal(signings.at(NOON + 999, { ...STATIC }), first);
    assert.notEqual(signings.at(NOON + 1_000, STATIC), first);
    assert.equal(first.signedAt, NOON);
    assert.equal(first.longDate, '20261123T120000Z');
  });

  it('is the signing key within a day of UTC', () => {
    const signings = new Signings('eu-central-1');
    const { signingKey } = signings.at(NOON, STATIC);
    assert.equal(signings.at(MIDNIGHT - 1, { ...STATIC }).signingKey, signingKey);
    const next = signings.at(MIDNIGHT, STATIC);
    assert.ok(!next.signingKey.equals(signingKey));
    assert.equal(next.scope, '20261124/eu-central-1/s3/aws4_request');
  });

  for (const [part, other] of Object.entries({
    'access key id': { ...STATIC, accessKeyId: 'AKIAOTHER' },
    secret: { ...STATIC, secretAccessKey: 'other' },
    'session token': { ...STATIC, sessionToken: 'token' },
  })) {
    it(`is nothing under another ${part}`, () => {
      const signings = new Signings('eu-central-1');
      const first = signings.at(NOON, STATIC);
      const second = signings.at(NOON, other);
      assert.equal(second.credentials, other);
      assert.notEqual(second.signingKey, first.signingKey);
      assert.equal(signings.at(NOON, STATIC).signingKey, first.signingKey);
    });
  }

  it('is the keys of few: of credentials that rotate, the old ones go', () => {
    const signings = new Signings('eu-central-1');
    const first = signings.at(NOON, STATIC).signingKey;
    for (let turn = 0; turn < 8; turn++) signings.at(NOON, { ...STATIC, sessionToken: `token ${turn}` });
    const again = signings.at(NOON, STATIC).signingKey;
    assert.notEqual(again, first);
    assert.ok(again.equals(first));
  });
});
