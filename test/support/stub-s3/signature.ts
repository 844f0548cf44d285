import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface SignedWith {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What S3 says to a signature: an error, or nothing. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message?: string;
  readonly region?: string;
}

interface Claim {
  readonly credential: string;
  readonly date: string;
  readonly signedHeaders: string;
  readonly signature: string;
  readonly payload: string;
  /** Milliseconds since the epoch; presigned only. */
  readonly endsAt: number;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Checks a presigned URL or an Authorization header by hand, not by the SDK that signed it. */
export function refuse(
  request: IncomingMessage,
  wanted: SignedWith,
  ignores: { readonly signature: boolean; readonly expiry: boolean },
): Refusal | undefined {
  const [path = '', search = ''] = (request.url ?? '').split('?');
  const claim = claimOf(request, new URLSearchParams(search));
  if (claim === undefined) return { status: 403, code: 'AccessDenied' };
  const [accessKeyId = '', day = '', region = ''] = claim.credential.split('/');
  if (accessKeyId !== wanted.accessKeyId) return { status: 403, code: 'InvalidAccessKeyId' };
  if (region !== wanted.region) {
    const message = `the region '${region}' is wrong; expecting '${wanted.region}'`;
    return { status: 400, code: 'AuthorizationQueryParametersError', message, region: wanted.region };
  }
  if (claim.endsAt < Date.now() && !ignores.expiry)
    return { status: 403, code: 'AccessDenied', message: 'Request has expired' };
  if (ignores.signature) return undefined;

  const query = search
    .split('&')
    .filter((pair) => pair !== '' && !pair.startsWith('X-Amz-Signature='))
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort();
  const headers = claim.signedHeaders
    .split(';')
    .map((name) => `${name}:${[request.headers[name] ?? ''].flat().join(',').trim()}\n`);
  const canonical = [
    ...[request.method, path, query.join('&'), headers.join(''), claim.signedHeaders, claim.payload],
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', claim.date, scope, sha256(canonical)].join('\n');
  const key = ['s3', 'aws4_request'].reduce(
    (secret, part) => hmac(secret, part),
    hmac(hmac(`AWS4${wanted.secretAccessKey}`, day), region),
  );
  return hmac(key, toSign).toString('hex') === claim.signature
    ? undefined
    : { status: 403, code: 'SignatureDoesNotMatch' };
}

function claimOf({ headers }: IncomingMessage, query: URLSearchParams): Claim | undefined {
  const date = query.get('X-Amz-Date');
  if (date !== null) {
    const iso = date.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5');
    return {
      credential: query.get('X-Amz-Credential') ?? '',
      date,
      signedHeaders: query.get('X-Amz-SignedHeaders') ?? '',
      signature: query.get('X-Amz-Signature') ?? '',
      payload: 'UNSIGNED-PAYLOAD',
      endsAt: Date.parse(iso) + Number(query.get('X-Amz-Expires')) * 1000,
    };
  }
  const parts = /Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)/.exec(
    headers.authorization ?? '',
  );
  if (parts === null) return undefined;
  const [, credential = '', signedHeaders = '', signature = ''] = parts;
  return {
    credential,
    date: String(headers['x-amz-date']),
    signedHeaders,
    signature,
    payload: String(headers['x-amz-content-sha256']),
    endsAt: Number.POSITIVE_INFINITY,
  };
}
