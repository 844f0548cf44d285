import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CREDENTIALS_CHECKS, examineCredentials } from '../../../../src/doctor/network/credentials.ts';
import type { AwsCredentials, CredentialProvider } from '../../../../src/s3/credentials.ts';
import { summary } from '../findings.ts';

const NOON = Date.parse('2026-11-23T12:00:00Z');
const LASTING: AwsCredentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'the-secret' };
const temporary = (secondsLeft: number): AwsCredentials => ({
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: 'the-secret',
  sessionToken: 'the-token',
  expiration: new Date(NOON + secondsLeft * 1000),
});

async function examine(
  credentials: AwsCredentials | CredentialProvider,
  {
    kind = 'default',
    hasSessionToken = false,
  }: { kind?: 'static' | 'default'; hasSessionToken?: boolean } = {},
) {
  const {
    findings,
    last,
    value: usable,
  } = await summary(
    examineCredentials({
      subject: 'target main',
      credentials: typeof credentials === 'function' ? credentials : async () => credentials,
      kind,
      hasSessionToken,
      longestUrlSeconds: 3600,
      now: () => NOON,
    }),
    CREDENTIALS_CHECKS,
  );
  assert.equal(findings.length, 1);
  // Neither the secrets nor the whole access key id.
  assert.doesNotMatch(JSON.stringify(findings), /the-secret|the-token|EXAMPLE/);
  const { outcome, found, remedy = '', off = [] } = last;
  return { line: `${outcome} ${found}`, remedy, off, usable };
}

describe('credentials that will do', () => {
  it('are lasting', async () => {
    const fixed = await examine(LASTING, { kind: 'static' });
    assert.equal(fixed.line, 'ok AKIA…, static, lasting');
    assert.equal(fixed.usable, true);
    assert.equal((await examine(LASTING)).line, 'ok AKIA…, of the AWS chain, lasting');
  });

  it('or temporary, and end after the longest URL', async () => {
    const { line, usable } = await examine(temporary(3 * 3600));
    assert.equal(line, 'ok ASIA…, of the AWS chain, temporary, end at 2026-11-23T15:00:00Z, in 3 h');
    assert.equal(usable, true);
  });

  it('are refreshed when they end sooner, as the service does', async () => {
    const provide: CredentialProvider = async (options) =>
      temporary(options?.forceRefresh === true ? 7200 : 600);
    assert.match((await examine(provide)).line, /^ok .*, in 2 h$/);
  });
});

describe('credentials to be advised on', () => {
  it('end before the longest URL and cannot be refreshed', async () => {
    const provide: CredentialProvider = async (options) => {
      if (options?.forceRefresh === true) throw new Error('the-secret');
      return temporary(720);
    };
    for (const source of [provide, temporary(720)]) {
      const { line, remedy, usable } = await examine(source);
      assert.match(line, /^note ASIA….* in 12 min; URLs of up to 3600 s are cut short to that$/);
      assert.match(remedy, /urlSeconds\.max/);
      assert.equal(usable, true);
    }
  });

  it('are static with a session token, which nothing renews', async () => {
    const held = { ...LASTING, sessionToken: 'the-token' };
    const { line, remedy, usable } = await examine(held, { kind: 'static', hasSessionToken: true });
    assert.match(line, /^note AKIA…, static, with a session token: .* nothing renews them$/);
    assert.match(remedy, /SIGHUP/);
    assert.equal(usable, true);
  });
});

describe('credentials that will not do', () => {
  const mustBeOff = (told: Awaited<ReturnType<typeof examine>>, line: RegExp, remedy: RegExp) => {
    assert.match(told.line, line);
    assert.match(told.remedy, remedy);
    assert.deepEqual(told.off, ['uploads', 'downloads', 'complete', 'DELETE']);
    assert.equal(told.usable, false);
  };

  it('are not to be had: the class is named, the message may hold secrets', async () => {
    const refused = Object.assign(new Error('the-secret'), { name: 'CredentialsProviderError' });
    const told = await examine(() => Promise.reject(refused));
    mustBeOff(told, /^off those of the AWS chain are not to be had \(CredentialsProviderError\)$/, /role/);
  });

  it('are empty', async () => {
    const told = await examine({ ...LASTING, secretAccessKey: '' }, { kind: 'static' });
    mustBeOff(told, /^off the static ones are empty$/, /secretAccessKeyFile/);
  });

  it('have ended', async () => {
    mustBeOff(await examine(temporary(-180)), /^off ASIA….*, ended at \S+Z, 3 min ago$/, /role/);
  });
});
