import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Finding } from '../../../../src/doctor/finding.ts';
import { NETWORK_CHECKS, examineEndpoint } from '../../../../src/doctor/network/network.ts';
import { makeCa, type CaOptions, type TestCa } from '../../../support/ca.ts';
import { freePort } from '../../../support/processes.ts';
import { scratchFolder } from '../../../support/s3-server.ts';
import { summary } from '../findings.ts';
import { startHttps, startTcp } from './local-server.ts';

const DAY_MS = 24 * 3600 * 1000;
const days = (count: number): Date => new Date(Date.now() + count * DAY_MS);
const answer: RequestListener = (_request, response) => void response.end('hello');

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
let good: TestCa;
let made = 0;
const newCa = (options?: CaOptions): Promise<TestCa> => makeCa(join(scratch.path, String(made++)), options);
before(async () => {
  scratch = await scratchFolder('doctor');
  good = await newCa({ to: days(100) });
});
after(() => scratch.remove());

interface Asked {
  readonly host?: string;
  readonly hostnames?: readonly string[];
  readonly setting?: 'endpoint' | 'publicEndpoint';
  readonly ca?: string | undefined;
  readonly now?: () => number;
}

async function examine(port: number, asked: Asked = {}) {
  const { host = 'localhost', setting = 'endpoint', now = Date.now } = asked;
  const ca = 'ca' in asked ? asked.ca : good.caPem;
  const url = new URL(`https://${host}:${port}`);
  const { hostnames = [url.hostname] } = asked;
  const examination = examineEndpoint({ subject: 'target main', setting, url, hostnames, ca, now });
  const { findings, last, value: usable } = await summary(examination, NETWORK_CHECKS);
  for (const { subject } of findings) assert.equal(subject, 'target main');
  return { findings, usable, last };
}

const line = ({ check, outcome, found }: Finding): string => `${check} ${outcome} ${found}`;

/** What the doctor says of a server with this certificate. */
async function withCertificate(tls: Pick<TestCa, 'certFile' | 'keyFile'>, asked: Asked = {}) {
  await using server = await startHttps(tls, answer);
  return await examine(server.port, asked);
}

/** @param date as it is when the server answers. */
async function withDate(date: () => string | undefined, now = Date.now) {
  await using server = await startHttps(good, (_request, response) => {
    response.sendDate = false;
    const told = date();
    if (told !== undefined) response.setHeader('date', told);
    response.end();
  });
  return await examine(server.port, { now });
}

describe('a sound endpoint', () => {
  it('says addresses, issuer, end and clock', async () => {
    const { findings, usable } = await withCertificate(good);
    assert.equal(usable, true);
    const [dns = '', tls = '', clock = ''] = findings.map(line);
    assert.match(dns, /^dns ok localhost is at .*127\.0\.0\.1/);
    assert.match(
      tls,
      /^tls ok endpoint localhost:\d+: TLSv1\.3; its certificate, by sealslot test CA, ends at \S+Z, in (99|100) days$/,
    );
    assert.match(clock, /^clock ok this machine and endpoint localhost:\d+ differ by /);
  });

  it('may be an address', async () => {
    const { findings, usable } = await withCertificate(good, { host: '127.0.0.1' });
    assert.equal(usable, true);
    assert.equal(line(findings[0]!), 'dns ok 127.0.0.1 is an address and needs no DNS');
  });

  it('is advised to renew from 21 days on, also for a certificate above its own', async () => {
    const { findings } = await withCertificate(good, { now: () => days(80).getTime() });
    assert.match(line(findings[1]!), /^tls note .*; its certificate, .* in (19|20) days$/);
    const late = await newCa({ to: days(1000) });
    const above = await withCertificate(late, { ca: late.caPem, now: () => days(390).getTime() });
    assert.match(
      line(above.findings[1]!),
      /^tls note .*; the certificate of sealslot test CA above its own, .* in (9|10) days$/,
    );
  });
});

describe('names', () => {
  const NOWHERE = `${'x'.repeat(64)}.invalid`; // A label too long for DNS: no name server is asked.

  it('that do not resolve are named', async () => {
    const { last, usable } = await examine(443, { host: NOWHERE });
    assert.equal(usable, false);
    assert.equal(last.outcome, 'off');
    assert.match(last.found, /^x{64}\.invalid: the name does not resolve \(ENOTFOUND\)$/);
    assert.deepEqual(last.off, ['complete', 'DELETE', "the doctor's further checks"]);
  });

  it('of buckets are each looked at, with the way out', async () => {
    await using server = await startHttps(good, answer);
    const { findings, usable } = await examine(server.port, { hostnames: [NOWHERE, 'localhost'] });
    assert.equal(usable, false);
    assert.deepEqual(
      findings.map(({ check, outcome }) => `${check} ${outcome}`),
      ['dns off', 'dns ok', 'tls ok'],
    );
    assert.match(findings[0]!.remedy!, /pathStyle: true/);
  });
});

describe('a server that cannot be reached over TLS', () => {
  it('does not listen', async () => {
    const { last, usable } = await examine(await freePort());
    assert.equal(usable, false);
    assert.match(line(last), /^tls off endpoint localhost:\d+: nothing listens there \(ECONNREFUSED\)$/);
  });

  it('speaks plain HTTP, which is wrong for clients too', async () => {
    await using server = await startTcp('HTTP/1.1 400 Bad Request\r\n\r\n');
    for (const setting of ['endpoint', 'publicEndpoint'] as const) {
      const { last, usable } = await examine(server.port, { setting });
      assert.equal(usable, false);
      assert.match(line(last), /^tls off .*: no TLS is spoken there, but plain HTTP/);
      assert.match(last.remedy!, /certificate/);
    }
  });

  it('keeps silent', async () => {
    await using server = await startTcp();
    const { last } = await examine(server.port);
    assert.match(line(last), /^tls off .*: no answer comes in time \(ETIMEDOUT\)$/);
  });

  it('hangs up', async () => {
    await using server = await startTcp('');
    const { last } = await examine(server.port);
    assert.match(line(last), /^tls off .*: the connection is closed without an answer \(ECONNRESET\)$/);
  });

  it('hangs up after the handshake', async () => {
    await using server = await startHttps(good, (request) => request.socket.destroy());
    const { last, usable } = await examine(server.port);
    assert.equal(usable, false);
    assert.match(line(last), /^clock off .*: after TLS, the connection is closed .*\(ECONNRESET\)$/);
  });

  it('is no fault when only clients need to reach it', async () => {
    const { last, usable } = await examine(await freePort(), { setting: 'publicEndpoint' });
    assert.equal(usable, false);
    assert.match(line(last), /^tls note from here, publicEndpoint localhost:\d+: nothing listens there/);
  });
});

describe('a certificate', () => {
  const refused = async (tls: Pick<TestCa, 'certFile' | 'keyFile'>, asked: Asked) => {
    const { last, usable } = await withCertificate(tls, asked);
    assert.equal(usable, false);
    assert.equal(`${last.check} ${last.outcome}`, 'tls off');
    return last;
  };

  it('of a private CA needs caFile', async () => {
    const { found, remedy } = await refused(good, { ca: undefined });
    assert.match(found, /its certificate comes from sealslot test CA, which is not trusted/);
    assert.match(remedy!, /set caFile/);
  });

  it('of another CA than that in caFile is told apart, even when both have one name', async () => {
    const other = await newCa();
    const { found } = await refused(good, { ca: other.caPem });
    assert.match(found, /caFile holds sealslot test CA, which has the same name but another key/);
    const self = await selfSigned('Some Other CA');
    const { found: both } = await refused(good, { ca: self.pem + self.pem });
    assert.match(both, /comes from sealslot test CA; caFile holds Some Other CA, Some Other CA \(/);
  });

  it('may be self-signed', async () => {
    const self = await selfSigned('localhost');
    const { found } = await refused(self, { ca: undefined });
    assert.match(found, /its certificate is self-signed \(/);
    const { found: withFile } = await refused(self, {});
    assert.match(withFile, /self-signed, and not the one in caFile/);
    assert.equal((await withCertificate(self, { ca: self.pem })).usable, true);
  });

  it('may have ended', async () => {
    const ended = await newCa({ from: days(-10), to: days(-3) });
    const { found, remedy } = await refused(ended, { ca: ended.caPem });
    assert.match(found, /its certificate ended at \S+Z, 3 days ago$/);
    assert.match(remedy!, /sealslot test CA/);
  });

  it('may not have begun', async () => {
    const from = days(3);
    const early = await newCa({ from, to: days(9) });
    const { found, remedy } = await refused(early, { ca: early.caPem });
    assert.ok(found.endsWith(`its certificate is valid only from ${from.toISOString().slice(0, 19)}Z`));
    assert.match(remedy!, /clock/);
  });

  it('may be for other names, which are said', async () => {
    const other = await newCa({ names: 'DNS:s3.example.com,DNS:*.s3.example.com,IP:127.0.0.9' });
    const { found } = await refused(other, { ca: other.caPem });
    assert.match(found, /is for s3\.example\.com, \*\.s3\.example\.com, 127\.0\.0\.9, not for localhost$/);
  });

  it('that is wrong is wrong for clients too', async () => {
    const { off } = await refused(good, { ca: undefined, setting: 'publicEndpoint' });
    assert.deepEqual(off, ['uploads', 'downloads']);
  });
});

describe("S3's clock", () => {
  const at = (milliseconds: number) => withDate(() => new Date(Date.now() + milliseconds).toUTCString());
  const MINUTE_MS = 60_000;

  it('may differ by seconds', async () => {
    assert.equal((await at(3_000)).last.outcome, 'ok');
    assert.equal((await at(-3_000)).last.outcome, 'ok');
  });

  it('ahead or behind by minutes is advice', async () => {
    const { last, usable } = await at(10 * MINUTE_MS);
    assert.equal(usable, true);
    assert.match(
      line(last),
      /^clock note this machine's clock is (9|10) min behind that of endpoint localhost/,
    );
    assert.match(last.remedy!, /NTP/);
    assert.match((await at(-10 * MINUTE_MS)).last.found, /^this machine's clock is (9|10) min ahead of/);
  });

  it('further off than 15 minutes has every signature refused', async () => {
    for (const minutes of [-16, 16]) {
      const { last } = await at(minutes * MINUTE_MS);
      assert.equal(last.outcome, 'off');
      assert.match(last.found, /RequestTimeTooSkewed/);
    }
  });

  it('is compared to the clock that was passed in', async () => {
    const { last } = await withDate(
      () => new Date().toUTCString(),
      () => Date.now() + 3600_000,
    );
    assert.match(line(last), /^clock off this machine's clock is (59|60) min ahead of/);
  });

  it('may not be told', async () => {
    for (const date of [undefined, 'soon']) {
      const { last, usable } = await withDate(() => date);
      assert.equal(usable, true);
      assert.match(line(last), /^clock note .* without a readable Date/);
    }
  });
});

async function selfSigned(name: string) {
  const base = join(scratch.path, String(made++));
  const [certFile, keyFile] = [`${base}.crt`, `${base}.key`];
  const { stdout } = await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...[
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=DNS:localhost`,
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ],
  ]).then(() => promisify(execFile)('openssl', ['x509', '-in', certFile]));
  return { certFile, keyFile, pem: stdout };
}
