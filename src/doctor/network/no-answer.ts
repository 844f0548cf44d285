/** Why a request got no answer. */
export interface NoAnswer {
  readonly found: string;
  readonly remedy: string;
}

const ADDRESS = 'start the server, or correct host and port';
const WAY = 'see what stands between: firewall, security group, routing, proxy';
const REASONS: Readonly<Record<string, readonly [found: string, remedy: string]>> = {
  ENOTFOUND: ['the name does not resolve', 'correct the name, or enter it in DNS'],
  EAI_AGAIN: ['no name server answers', 'see to the name servers of this machine'],
  ECONNREFUSED: ['nothing listens there', ADDRESS],
  ECONNRESET: ['the connection is closed without an answer', `see whether TLS is spoken there; ${WAY}`],
  EPIPE: ['the connection is closed before all was sent', WAY],
  ETIMEDOUT: ['no answer comes in time', `${ADDRESS}; ${WAY}`],
  EHOSTUNREACH: ['no way leads to the host', WAY],
  ENETUNREACH: ['no way leads to its network', WAY],
};
const PLAIN_HTTP = [
  'no TLS is spoken there, but plain HTTP as it seems',
  'give the server itself a certificate: the customer keys travel in headers',
] as const;
const CERTIFICATE = ['its certificate is not accepted', 'see the lines on TLS'] as const;
const HANDSHAKE = ['the TLS handshake fails', 'see which TLS versions and ciphers the server takes'] as const;
const OTHER = ['no answer comes', "see the service's log and the server's"] as const;

/** Node's error of a request in words. Any error will do; its message is left out, for it may quote an answer. */
export function explainNoAnswer(error: unknown): NoAnswer {
  const code = codeOf(origin(error));
  const [found, remedy] = REASONS[code] ?? reasonByKind(error, code);
  return { found: code === '' ? found : `${found} (${code})`, remedy };
}

/** Something answers, but not in TLS: OpenSSL takes the first bytes of an HTTP answer for a TLS version. */
export function speaksNoTls(error: unknown): boolean {
  const first = origin(error);
  const text = `${codeOf(first)} ${first instanceof Error ? first.message : ''}`;
  return /wrong.version.number|packet.length.too.long/i.test(text);
}

function reasonByKind(error: unknown, code: string): readonly [found: string, remedy: string] {
  if (speaksNoTls(error)) return PLAIN_HTTP;
  if (/CERT|SELF_SIGNED|ISSUER|LEAF_SIGNATURE/.test(code)) return CERTIFICATE;
  return /^ERR_(SSL|TLS)_|^EPROTO$/.test(code) ? HANDSHAKE : OTHER;
}

/** Node's own error, which others may have wrapped as their cause. */
function origin(error: unknown): unknown {
  return error instanceof Error && codeOf(error) === '' ? origin(error.cause) : error;
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  // Codes of sealslot's own errors are in lower case.
  if ('code' in error && typeof error.code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(error.code))
    return error.code;
  return error.name === 'TimeoutError' ? 'ETIMEDOUT' : '';
}
