import { rootCertificates } from 'node:tls';

/** Whom a target's certificate is checked against: the usual authorities, and the private one of the configuration beside them. */
export function trusted(ca: string | undefined): { ca?: string[] } {
  return ca === undefined ? {} : { ca: [...rootCertificates, ca] };
}
