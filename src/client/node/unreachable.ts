import { nameOf, Unreachable } from '../errors.ts';

/** What broke the connection, in words. An untrusted certificate is none that passes. */
export function unreachable(peer: 'service' | 'S3', cause: unknown): Unreachable {
  const reason = codeOf(cause);
  const untrusted = CERTIFICATE.test(reason);
  const message = untrusted
    ? `The certificate of ${nameOf(peer)} is not trusted (${reason}).`
    : `No answer from ${nameOf(peer)}${placeOf(cause)} (${reason}).`;
  return new Unreachable(peer, message, { cause, passing: !untrusted });
}

/** The codes of OpenSSL's verification, and of Node's for a wrong name. */
const CERTIFICATE = /^(ERR_TLS_CERT|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA)/;

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string'))
    return 'the connection broke';
  return error.code;
}

/** Where it was looked for: a mistyped address is the likeliest cause. */
function placeOf(error: unknown): string {
  if (error instanceof AggregateError) return placeOf(error.errors[0]);
  const { address, port, hostname } = error as { address?: unknown; port?: unknown; hostname?: unknown };
  if (typeof address === 'string') return ` at ${address}${typeof port === 'number' ? `:${port}` : ''}`;
  return typeof hostname === 'string' ? ` at ${hostname}` : '';
}
