import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';
import { moment, span } from '../words.ts';

/** A server's certificate, as one connection showed it. */
export interface ShownCertificate {
  readonly hostname: string;
  readonly certificate: DetailedPeerCertificate;
  /** `caFile`'s text. */
  readonly ca: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Why the certificate is not accepted. @param code OpenSSL's, or Node's for the host name. */
export function explainRefusal(code: string, shown: ShownCertificate): { found: string; remedy: string } {
  const { certificate, now } = shown;
  const chain = chainOf(certificate);
  switch (code) {
    case 'CERT_HAS_EXPIRED': {
      const ended = chain.find((one) => endOf(one).getTime() <= now) ?? certificate;
      const end = endOf(ended);
      return {
        found: `${whose(ended, certificate)} ended at ${moment(end)}, ${span(now - end.getTime())} ago`,
        remedy: `have ${nameOf(ended.issuer)} issue a new one, and look at what should have renewed it`,
      };
    }
    case 'CERT_NOT_YET_VALID': {
      const early = chain.find((one) => beginOf(one).getTime() > now) ?? certificate;
      return {
        found: `${whose(early, certificate)} is valid only from ${moment(beginOf(early))}`,
        remedy: "see whether this machine's clock and the issuer's are right, or wait",
      };
    }
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        found: `its certificate is for ${namesOf(certificate).join(', ')}, not for ${shown.hostname}`,
        remedy:
          'use a name of the certificate, or have it issued for this one too; a wildcard stands for one label without dots',
      };
    default:
      return explainMistrust(code, shown);
  }
}

function explainMistrust(code: string, { certificate, ca }: ShownCertificate) {
  const issuer = nameOf((chainOf(certificate).at(-1) ?? certificate).issuer);
  const inFile = ca === undefined ? [] : certificatesIn(ca).map(commonName);
  if (code === 'DEPTH_ZERO_SELF_SIGNED_CERT') {
    return {
      found: `its certificate is self-signed${ca === undefined ? '' : ', and not the one in caFile'} (${code})`,
      remedy: 'set caFile to this very certificate, or better use one of a CA',
    };
  }
  if (ca === undefined) {
    return {
      found: `its certificate comes from ${issuer}, which is not trusted (${code})`,
      remedy: `if ${issuer} is private, set caFile to its certificate; if not, let the server send its whole chain`,
    };
  }
  const sameName = inFile.includes(issuer) ? ', which has the same name but another key' : '';
  return {
    found: `its certificate comes from ${issuer}; caFile holds ${inFile.join(', ')}${sameName} (${code})`,
    remedy: `put the present certificate of ${issuer} into caFile`,
  };
}

/** The certificate whose end comes first: the server's own or one above it. */
export function firstToEnd(certificate: DetailedPeerCertificate, now: number) {
  // What has ended in an accepted chain was not needed.
  const lasting = chainOf(certificate).filter((one) => endOf(one).getTime() > now);
  const first = lasting.reduce((a, b) => (endOf(b) < endOf(a) ? b : a), lasting[0] ?? certificate);
  return { end: endOf(first), whose: whose(first, certificate), issuer: nameOf(first.issuer) };
}

function whose(one: DetailedPeerCertificate, own: DetailedPeerCertificate): string {
  return one === own ? 'its certificate' : `the certificate of ${nameOf(one.subject)} above its own`;
}

function chainOf(certificate: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const chain = new Set<DetailedPeerCertificate>();
  let last = certificate;
  while (!chain.has(last)) {
    chain.add(last);
    last = issuerOf(last) ?? last;
  }
  return [...chain];
}

/** A root is its own issuer; one whose issuer is not at hand has none, whatever Node's types say. */
function issuerOf(certificate: DetailedPeerCertificate): DetailedPeerCertificate | undefined {
  return certificate.issuerCertificate;
}

function beginOf({ valid_from }: DetailedPeerCertificate): Date {
  return new Date(valid_from);
}

function endOf({ valid_to }: DetailedPeerCertificate): Date {
  return new Date(valid_to);
}

function namesOf({ subject, subjectaltname }: DetailedPeerCertificate): string[] {
  if (subjectaltname === undefined) return [nameOf(subject)];
  return subjectaltname.split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''));
}

function nameOf({ CN, O, OU }: DetailedPeerCertificate['subject']): string {
  return [CN ?? O ?? OU ?? 'somebody without a name'].flat().join(' ');
}

function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [pem];
  return blocks.map((block) => new X509Certificate(block));
}

function commonName(certificate: X509Certificate): string {
  return nameOf(certificate.toLegacyObject().subject);
}
