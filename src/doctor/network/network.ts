import { lookup } from 'node:dns/promises';
import { Agent } from 'node:https';
import { isIP } from 'node:net';
import type { Clock } from '../../clock.ts';
import { skewOf } from '../../s3/clock-skew.ts';
import { trusted } from '../../s3/trust.ts';
import { send } from '../ask.ts';
import { explainRefusal, firstToEnd } from './certificate.ts';
import { about, type CheckText, type Examination, type Finding } from '../finding.ts';
import { shakeHands, type Handshake } from './handshake.ts';
import { explainNoAnswer, speaksNoTls, type NoAnswer } from './no-answer.ts';
import { judgeSkew } from './skew.ts';
import { moment, span } from '../words.ts';

export { explainNoAnswer };

export const NETWORK_CHECKS = {
  dns: {
    title: 'DNS',
    means: 'The host names that requests go to have addresses: one name per bucket unless pathStyle is set.',
  },
  tls: {
    title: 'TLS',
    means:
      'S3 is reached over TLS with a certificate that the service accepts. The customer keys travel in headers, so there is no way without it.',
  },
  clock: {
    title: 'clock',
    means:
      "This machine's clock goes with that of S3, which judges by its own when a URL begins and ends, and refuses signatures that are 15 minutes off.",
  },
} as const satisfies Record<string, CheckText>;

export interface EndpointQuestion {
  readonly subject: string;
  readonly setting: 'endpoint' | 'publicEndpoint';
  readonly url: URL;
  /** The host itself in path style, `bucket.host` for each bucket in virtual-host style. */
  readonly hostnames: readonly string[];
  /** `caFile`'s text. */
  readonly ca: string | undefined;
  readonly now: Clock;
}

const OFF = {
  endpoint: ['complete', 'DELETE', "the doctor's further checks"],
  publicEndpoint: ['uploads', 'downloads'],
} as const;
const RENEW_WITHIN_MS = 21 * 24 * 3600 * 1000;

/** From the name to the first answer. @returns whether requests can be made. */
export async function* examineEndpoint(question: EndpointQuestion): Examination {
  let usable = question.hostnames.length > 0;
  for (const hostname of question.hostnames) {
    const reached = (yield* examineName(question, hostname)) && (yield* examineTls(question, hostname));
    usable &&= reached;
  }
  return usable && (yield* examineClock(question));
}

async function* examineName(question: EndpointQuestion, hostname: string): Examination {
  const host = bare(hostname);
  const say = about(question.subject);
  if (isIP(host) !== 0) {
    yield say.ok('dns', `${host} is an address and needs no DNS`);
    return true;
  }
  try {
    const addresses = await lookup(host, { all: true });
    yield say.ok('dns', `${host} is at ${addresses.map(({ address }) => address).join(', ')}`);
    return true;
  } catch (error) {
    const { found, remedy } = explainNoAnswer(error);
    const ofBucket = hostname !== question.url.hostname;
    const perBucket = 'let DNS answer for every bucket (a wildcard), or set pathStyle: true';
    yield unreachable(question, 'dns', { found: `${host}: ${found}`, remedy: ofBucket ? perBucket : remedy });
    return false;
  }
}

async function* examineTls(question: EndpointQuestion, hostname: string): Examination {
  const { subject, setting, url, ca, now } = question;
  const say = about(subject);
  const host = bare(hostname);
  const port = url.port === '' ? 443 : Number(url.port);
  const at = `${setting} ${hostname}:${port}`;
  let shaken: Handshake;
  try {
    shaken = await shakeHands(host, port, ca);
  } catch (error) {
    const { found, remedy } = explainNoAnswer(error);
    const told = { found: `${at}: ${found}`, remedy };
    yield speaksNoTls(error)
      ? say.off('tls', told.found, remedy, OFF[setting])
      : unreachable(question, 'tls', told);
    return false;
  }
  const { certificate, refusal, protocol } = shaken;
  if (refusal !== undefined) {
    const { found, remedy } = explainRefusal(refusal, { hostname: host, certificate, ca, now: now() });
    yield say.off('tls', `${at}: ${found}`, remedy, OFF[setting]);
    return false;
  }
  const { end, whose, issuer } = firstToEnd(certificate, now());
  const left = end.getTime() - now();
  const found = `${at}: ${protocol}; ${whose}, by ${issuer}, ends at ${moment(end)}, in ${span(left)}`;
  yield left < RENEW_WITHIN_MS
    ? say.note('tls', found, 'see that it is renewed in time')
    : say.ok('tls', found);
  return true;
}

async function* examineClock(question: EndpointQuestion): Examination {
  const { subject, setting, url, hostnames, ca, now } = question;
  const root = new URL(url);
  root.hostname = hostnames[0] ?? url.hostname;
  const agent = new Agent(trusted(ca));
  try {
    const sent = now();
    const { headers } = await send(root.href, 'GET', {}, undefined, agent);
    const skew = skewOf(Date.parse(headers['date'] ?? ''), sent, now());
    yield judgeSkew(subject, `${setting} ${root.host}`, skew);
    return true;
  } catch (error) {
    const { found, remedy } = explainNoAnswer(error);
    yield unreachable(question, 'clock', { found: `${setting} ${root.host}: after TLS, ${found}`, remedy });
    return false;
  } finally {
    agent.destroy();
  }
}

/** The doctor may run where clients' address leads nowhere, as inside a container: that is no fault. */
function unreachable(
  { subject, setting }: EndpointQuestion,
  check: keyof typeof NETWORK_CHECKS,
  { found, remedy }: NoAnswer,
): Finding {
  const say = about(subject);
  return setting === 'endpoint'
    ? say.off(check, found, remedy, OFF.endpoint)
    : say.note(check, `from here, ${found}`, `if it is so for clients too, ${remedy}`);
}

/** A URL puts an IPv6 address in brackets; sockets want it without. */
function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}
