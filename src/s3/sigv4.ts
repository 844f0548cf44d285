/**
 * AWS Signature Version 4, one step a function, named as in AWS's documentation and in smithy's `signature-v4`:
 * canonical request → string to sign → signature. Where services differ it is S3's kind: a path is encoded once and never normalised.
 */
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { AwsCredentials } from './credentials.ts';
import { encodeRfc3986 } from './object-url.ts';

export const ALGORITHM = 'AWS4-HMAC-SHA256';

/** In the place of the body's hash, which is not known when a URL is signed. */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

const KEY_TYPE = 'aws4_request';

export interface CanonicalRequest {
  readonly method: string;
  /** Percent-encoded, as it is sent. */
  readonly path: string;
  /** See `getCanonicalQuery`. */
  readonly query: string;
  readonly headers: CanonicalHeaders;
  /** Hex, of SHA-256 over the body; or `UNSIGNED_PAYLOAD`. */
  readonly payloadHash: string;
}

export interface CanonicalHeaders {
  /** `host:s3.example.com\nrange:bytes=0-9\n` */
  readonly lines: string;
  /** `host;range` */
  readonly names: string;
}

/** A query parameter, percent-encoded. */
export type QueryParameter = readonly [name: string, value: string];

/** @returns `20261126T235959Z` and `20261126`: SigV4 counts in whole seconds of UTC. */
export function formatDate(milliseconds: number): { longDate: string; shortDate: string } {
  const longDate = new Date(milliseconds).toISOString().replace(/[-:]|\.\d{3}/g, '');
  return { longDate, shortDate: longDate.slice(0, 8) };
}

/** What a signing key is good for. */
export function createScope(shortDate: string, region: string, service: string): string {
  return `${shortDate}/${region}/${service}/${KEY_TYPE}`;
}

/** The same all day: it is worth keeping. */
export function getSigningKey(
  secretAccessKey: string,
  shortDate: string,
  region: string,
  service: string,
): KeyObject {
  const secret = Buffer.from(`AWS4${secretAccessKey}`);
  return createSecretKey([shortDate, region, service, KEY_TYPE].reduce(hmac, secret));
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** What a query, or a form, says of who signed it and when. */
export function getSignerFields(
  { accessKeyId, sessionToken }: Pick<AwsCredentials, 'accessKeyId' | 'sessionToken'>,
  scope: string,
  longDate: string,
): Record<string, string> {
  return {
    'X-Amz-Algorithm': ALGORITHM,
    'X-Amz-Credential': `${accessKeyId}/${scope}`,
    'X-Amz-Date': longDate,
    ...(sessionToken && { 'X-Amz-Security-Token': sessionToken }),
  };
}

/** What the query says of its signature, but for the signed headers and the signature itself. */
export function getPresignParameters(
  credentials: Pick<AwsCredentials, 'accessKeyId' | 'sessionToken'>,
  scope: string,
  longDate: string,
  expiresInSeconds: number,
): QueryParameter[] {
  const fields = getSignerFields(credentials, scope, longDate);
  return Object.entries({ ...fields, 'X-Amz-Expires': String(expiresInSeconds) }).map(encodeParameter);
}

export function encodeParameter([name, value]: readonly [string, string]): QueryParameter {
  return [encodeRfc3986(name), encodeRfc3986(value)];
}

/** Sorted by name, as S3 sorts what it receives. */
export function getCanonicalQuery(parameters: readonly QueryParameter[]): string {
  return parameters
    .toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** @param headers their names in lower case. All of them are signed. */
export function getCanonicalHeaders(headers: Readonly<Record<string, string>>): CanonicalHeaders {
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${canonicalValue(headers[name] ?? '')}\n`);
  return { lines: lines.join(''), names: names.join(';') };
}

/** S3 signs what it receives, and on its way a value loses the white space around it; runs within it count as one space. */
function canonicalValue(value: string): string {
  if (!/[\r\n\t]| {2}|^ | $/.test(value)) return value;
  return value.replace(/[\r\n\t ]+/g, ' ').replace(/^ | $/g, '');
}

export function createCanonicalRequest({
  method,
  path,
  query,
  headers,
  payloadHash,
}: CanonicalRequest): string {
  return `${method}\n${path}\n${query}\n${headers.lines}\n${headers.names}\n${payloadHash}`;
}

export function createStringToSign(longDate: string, scope: string, canonicalRequest: string): string {
  return `${ALGORITHM}\n${longDate}\n${scope}\n${hash('sha256', canonicalRequest)}`;
}

/** @returns in hex. */
export function getSignature(signingKey: KeyObject, stringToSign: string): string {
  return createHmac('sha256', signingKey).update(stringToSign).digest('hex');
}
