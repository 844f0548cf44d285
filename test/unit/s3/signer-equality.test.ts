import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl, S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { createPresigner } from '../../../src/s3/adapters/sigv4-presigner.ts';
import type { AwsCredentials } from '../../../src/s3/credentials.ts';
import { formCase, IDENTITIES, signingCase, type SigningCase } from '../../support/signing-cases.ts';

const URLS = 100_000;
const FORMS = 5_000;
const WHOLE = 2_000;

type Where = Pick<SigningCase, 'endpoint' | 'region' | 'pathStyle'>;
type Case = Omit<SigningCase, 'request'>;

/** One presigner for each place, whose credentials change from call to call: what it keeps must not outlive them. */
const ours = new Map<string, { of: AwsCredentials; presigner: ReturnType<typeof createPresigner> }>();

async function open({ identity, seconds, now, ...where }: Case) {
  const { endpoint, region, pathStyle } = where;
  const place = `${endpoint} ${region} ${String(pathStyle)}`;
  let known = ours.get(place);
  if (known === undefined) {
    const presigner = createPresigner({
      target: { publicEndpoint: new URL(endpoint), region, pathStyle },
      credentials: async () => ({ ...ours.get(place)!.of }),
      skewMs: () => 0,
    });
    ours.set(place, (known = { of: identity, presigner }));
  }
  known.of = identity;
  return known.presigner.open(seconds, now);
}

/** RFC 3986, byte by byte. */
function escape(text: string): string {
  return Array.from(Buffer.from(text), (byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9_.~-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

function locate({ endpoint, pathStyle }: Where, bucket: string, objectKey: string) {
  const { protocol, hostname, port, pathname } = new URL(endpoint);
  const prefix = pathname.endsWith('/') ? pathname.slice(0, -1) : pathname;
  return {
    protocol,
    hostname: pathStyle ? hostname : `${bucket}.${hostname}`,
    ...(port !== '' && { port: Number(port) }),
    path: `${prefix}/${pathStyle ? `${bucket}/` : ''}${objectKey.split('/').map(escape).join('/')}`,
  };
}

const clients = new Map<string, S3Client>();

function clientFor({ endpoint, region, pathStyle, identity }: Case): S3Client {
  const name = `${endpoint} ${region} ${String(pathStyle)} ${IDENTITIES.indexOf(identity)}`;
  const known =
    clients.get(name) ??
    new S3Client({
      ...{ endpoint, region, credentials: { ...identity }, forcePathStyle: pathStyle },
      ...{ useDualstackEndpoint: false, useFipsEndpoint: false, responseChecksumValidation: 'WHEN_REQUIRED' },
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
  clients.set(name, known);
  return known;
}

const sdk = new Map<string, S3RequestPresigner>();

function sdkPresigner(one: Case): S3RequestPresigner {
  const { config } = clientFor(one);
  const name = `${one.region} ${IDENTITIES.indexOf(one.identity)}`;
  const { region, identity } = one;
  const known =
    sdk.get(name) ?? new S3RequestPresigner({ region, credentials: { ...identity }, sha256: config.sha256 });
  sdk.set(name, known);
  return known;
}

/** The SDK's signer, told to sign all headers and to hoist none. */
async function bySdk(one: SigningCase): Promise<string> {
  const { request, seconds, now } = one;
  const { protocol, hostname, port, path } = locate(one, request.bucket, request.objectKey);
  const names = Object.keys(request.headers);
  const signed = await sdkPresigner(one).presign(
    {
      ...{ protocol, hostname, path, method: request.method },
      ...(port !== undefined && { port }),
      headers: { ...request.headers },
      query: { ...request.query },
    },
    {
      signingDate: new Date(now),
      expiresIn: seconds,
      signableHeaders: new Set(names),
      unhoistableHeaders: new Set([...names, 'x-amz-content-sha256']),
      unsignableHeaders: new Set(['x-amz-content-sha256']),
    },
  );
  const { 'X-Amz-Signature': signature, ...others } = signed.query as Record<string, string>;
  const pairs = Object.entries(others).map(([name, value]) => [escape(name), escape(value)] as const);
  const query = pairs.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  return `${protocol}//${host}${path}?${query.map((pair) => pair.join('=')).join('&')}&X-Amz-Signature=${signature}`;
}

/** The SDK takes no virtual-host style where there can be no such host, or no certificate for it. */
function bothKnow<C extends Case & { request: { bucket: string } }>(one: C): C {
  const canBeHost = /^https:\/\/[a-z]/.test(one.endpoint) && !one.request.bucket.includes('.');
  return canBeHost ? one : { ...one, pathStyle: true };
}

/** The order of the parameters is free. */
function sortedUrl(url: string): string {
  const [location = '', query = ''] = url.split('?');
  return `${location}?${query.split('&').sort().join('&')}`;
}

function says(one: Case, us: unknown, them: unknown): string {
  return `seed ${one.seed}\nours   ${JSON.stringify(us)}\ntheirs ${JSON.stringify(them)}\n${JSON.stringify(one)}`;
}

describe('the signer against the SDK', () => {
  it(`makes ${URLS} URLs that are S3RequestPresigner's byte for byte`, async () => {
    const urls = new Set<string>();
    for (let seed = 0; seed < URLS; seed++) {
      const one = signingCase(seed);
      const us = (await open(one)).sign(one.request);
      const them = await bySdk(one);
      if (us !== them) assert.fail(says(one, us, them));
      urls.add(us);
    }
    assert.equal(urls.size, URLS);
  });

  it(`makes ${WHOLE} URLs that are getSignedUrl's: host and path too are the SDK's own`, async () => {
    for (let seed = 0; seed < WHOLE; seed++) {
      const one = bothKnow(signingCase(seed));
      const { bucket } = one.request;
      const objectKey = `k${one.request.objectKey}`;
      // What getSignedUrl adds, however it is asked.
      const query = { 'x-id': 'GetObject', 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' };
      const us = (await open(one)).sign({ method: 'GET', bucket, objectKey, headers: {}, query });
      const client = clientFor(one);
      const options = { signingDate: new Date(one.now), expiresIn: one.seconds };
      const command = new GetObjectCommand({ Bucket: bucket, Key: objectKey });
      const them = await getSignedUrl(client, command, options);
      if (sortedUrl(us) !== sortedUrl(them)) assert.fail(says(one, us, them));
    }
  });

  it(`makes ${FORMS} forms that are createPresignedPost's`, async (t) => {
    t.mock.timers.enable({ apis: ['Date'] });
    for (let seed = 0; seed < FORMS; seed++) {
      const one = bothKnow(formCase(seed));
      const { bucket, objectKey, fields, size } = one.request;
      const us = (await open(one)).form(one.request);
      t.mock.timers.setTime(one.now);
      const client = clientFor(one);
      const them = await createPresignedPost(client, {
        Bucket: bucket,
        Key: objectKey,
        Fields: { ...fields },
        Conditions: [['content-length-range', size, size]],
        Expires: one.seconds,
      });
      const sorted = (of: Readonly<Record<string, string>>) => JSON.stringify(Object.entries(of).sort());
      if (sorted(us.fields) !== sorted(them.fields)) assert.fail(says(one, us.fields, them.fields));
      if (us.url !== them.url.replace(/\/?$/, '/')) assert.fail(says(one, us.url, them.url));
    }
  });
});
