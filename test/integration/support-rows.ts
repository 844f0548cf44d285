import { createHash } from 'node:crypto';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import type { S3Target } from '../../src/s3/port.ts';
import type { Send, WireAnswer, WireRequest } from './support-clients.ts';
import { randomBody, untilS3IsPast, type Service, type Slot } from './support-service.ts';

const SSE = 'x-amz-server-side-encryption-customer';
const KEY = `${SSE}-key`;
const KEY_MD5 = `${SSE}-key-md5`;

export interface Row {
  readonly name: string;
  /** What a cell must say, where servers agree or one by one. */
  readonly expected: string | Readonly<Record<'minio' | 'seaweedfs', string>>;
  /** @returns what was seen, as the table shows it. */
  readonly run: (service: Service, send: Send) => Promise<string>;
}

/** A slot that has all that can be signed, and the body that fits it. */
async function slotOf(service: Service, more: object = {}): Promise<{ slot: Slot; put: WireRequest }> {
  const body = randomBody();
  const slot = await service.create({
    filename: 'a file.bin',
    contentType: 'text/plain; charset=utf-8',
    size: body.length,
    sha256: createHash('sha256').update(body).digest('base64'),
    metadata: { case: 'matrix' },
    ...more,
  });
  const { method, url, headers } = slot.request;
  return { slot, put: { method, url, headers, body } };
}

/**
 * What S3 said, and what `complete` then makes of it. A refused PUT must leave nothing (`not_arrived`); what a server lets through
 * must be caught, or the row says that it is not.
 */
async function cell(service: Service, slot: Slot, answer: WireAnswer): Promise<string> {
  const complete = await service.post(`/${slot.id}/complete`);
  if (answer.status >= 400 && complete.body?.code === 'not_arrived') return String(answer.status);
  const fields = (complete.body?.mismatches as { field: string }[] | undefined)?.map(({ field }) => field) ?? [];
  return [`${answer.status}, then ${complete.status}`, ...fields].join(' ');
}

type Change = (put: WireRequest) => WireRequest;

function putRow(name: string, expected: Row['expected'], change: Change, more?: object): Row {
  return {
    name: `PUT ${name}`,
    expected,
    async run(service, send) {
      const { slot, put } = await slotOf(service, more);
      return cell(service, slot, await send(change(put)));
    },
  };
}

const withHeaders = (put: WireRequest, headers: Record<string, string>): WireRequest => ({
  ...put,
  headers: { ...put.headers, ...headers },
});

const without =
  (name: string): Change =>
  (put) => ({ ...put, headers: Object.fromEntries(Object.entries(put.headers).filter(([n]) => n !== name)) });

const set =
  (name: string, value: string): Change =>
  (put) =>
    withHeaders(put, { [name]: value });

const otherBody =
  (make: (body: Buffer) => Buffer): Change =>
  (put) => ({ ...put, body: make(put.body!) });

const other = CustomerKey.generate();
const SIGNED = [
  'content-type',
  'if-none-match',
  `${SSE}-algorithm`,
  KEY,
  KEY_MD5,
  'x-amz-checksum-sha256',
  'x-amz-meta-case',
];

const dropped = SIGNED.map((name) =>
  putRow(`without ${name}`, { minio: '400', seaweedfs: '403' }, without(name)),
);

const changed: Row[] = [
  putRow('other content-type', '403', set('content-type', 'text/html')),
  putRow('other if-none-match', '403', set('if-none-match', '"etag"')),
  putRow('other algorithm', '403', set(`${SSE}-algorithm`, 'aws:kms')),
  putRow('other key, MD5 kept', '403', set(KEY, other.headers()[KEY])),
  putRow('other key with its MD5', '403', (put) => withHeaders(put, { ...other.headers() })),
  putRow('other key MD5', '403', set(KEY_MD5, other.md5())),
  putRow('other checksum', '403', set('x-amz-checksum-sha256', createHash('sha256').digest('base64'))),
  putRow('other metadata', '403', set('x-amz-meta-case', 'other')),
];

const bodies: Row[] = [
  putRow('body one byte longer', '403', otherBody((body) => Buffer.concat([body, Buffer.from('x')]))),
  putRow('body one byte shorter', '403', otherBody((body) => body.subarray(1))),
  putRow('empty body', '403', otherBody(() => Buffer.alloc(0))),
  putRow('body without a length (chunked)', { minio: '411', seaweedfs: '403' }, (put) => ({ ...put, chunked: true })),
  putRow('other body of the same size', '400', otherBody((body) => randomBody(body.length))),
];

/**
 * Sent beside the signed ones. AWS and SeaweedFS demand that every `x-amz-*` be signed; MinIO demands that of metadata only. What
 * could change how the object is served or kept, `complete` catches. It does not see the rest, which is harmless: downloads are
 * attachments with their own type, and MinIO has neither object ACLs nor websites.
 */
const unsigned: Row[] = [
  putRow('+ content-encoding', '200, then 422 contentEncoding', set('content-encoding', 'gzip')),
  putRow('+ content-disposition', '200, then 422 contentDisposition', set('content-disposition', 'inline')),
  putRow('+ cache-control', '200, then 422 cacheControl', set('cache-control', 'public, max-age=9')),
  putRow('+ content-language', '200, then 200', set('content-language', 'de')),
  putRow('+ expires', '200, then 200', set('expires', 'Wed, 21 Oct 2099 07:28:00 GMT')),
  lax('x-amz-tagging', 'a=b', '200, then 422 tagCount'),
  lax('x-amz-storage-class', 'REDUCED_REDUNDANCY', '200, then 422 storageClass'),
  lax('x-amz-meta-more', 'smuggled', '400'),
  lax('x-amz-acl', 'public-read', '200, then 200'),
  lax('x-amz-website-redirect-location', 'https://example.com/', '200, then 200'),
];

function lax(name: string, value: string, minio: string): Row {
  return putRow(`+ ${name}`, { minio, seaweedfs: '403' }, set(name, value));
}

const times: Row[] = [
  {
    name: 'PUT a second time',
    expected: '200, 412, then 200',
    async run(service, send) {
      const { slot, put } = await slotOf(service, { sha256: undefined });
      const first = await send(put);
      return `${first.status}, ${await cell(service, slot, await send({ ...put, body: randomBody() }))}`;
    },
  },
  {
    name: 'PUT after the URL ended',
    expected: '403',
    async run(service, send) {
      const { slot, put } = await slotOf(service, { expiresInSeconds: 1 });
      await untilS3IsPast(service.server, Date.parse(slot.request.expiresAt) + 1000);
      return cell(service, slot, await send(put));
    },
  },
];

async function uploaded(service: Service, send: Send): Promise<{ slot: Slot; body: Buffer }> {
  const { slot, put } = await slotOf(service);
  const seen = await cell(service, slot, await send(put));
  if (seen !== '200, then 200') throw new Error(`the upload before the download was answered ${seen}`);
  return { slot, body: put.body! };
}

/** A download as the service gives it; `wanted` is the part of the body it should bring. */
function downloadRow(
  name: string,
  expected: Row['expected'],
  ask: object,
  wanted: (body: Buffer) => Buffer,
  change: Change = (request) => request,
): Row {
  return {
    name: `download ${name}`,
    expected,
    async run(service, send) {
      const { slot, body } = await uploaded(service, send);
      const { method, url, headers } = (await service.post(`/${slot.id}/download`, ask)).body as WireRequest;
      const answer = await send(change({ method, url, headers }));
      if (answer.status >= 400) return String(answer.status);
      return `${answer.status}, ${answer.body.equals(wanted(body)) ? 'the bytes' : 'other bytes'}`;
    },
  };
}

const whole = (body: Buffer): Buffer => body;
const downloads: Row[] = [
  downloadRow('as given', '200, the bytes', {}, whole),
  downloadRow('of a range', '206, the bytes', { range: 'bytes=10-19' }, (body) => body.subarray(10, 20)),
  downloadRow('with another range', '403', { range: 'bytes=10-19' }, whole, set('range', 'bytes=0-999')),
  downloadRow('without the key', { minio: '400', seaweedfs: '403' }, {}, whole, without(KEY)),
  downloadRow('with another key', '403', {}, whole, (get) => withHeaders(get, { ...other.headers() })),
];

type KeyChoice = 'its key' | 'no key' | 'another key';

/** S3's own word, past the signature: signed with the full credentials for just these headers. */
function readRow(method: 'GET' | 'HEAD', choice: KeyChoice, expected: Row['expected']): Row {
  return {
    name: `${method} signed with ${choice}`,
    expected,
    async run(service, send) {
      const { slot } = await uploaded(service, send);
      const own = await service.harness.customerKey('acme', slot.id);
      const headers = { 'its key': { ...own.headers() }, 'no key': {}, 'another key': { ...other.headers() } }[choice];
      const url = await presignRead(service.direct, method, slot, headers);
      return String((await send({ method, url, headers })).status);
    },
  };
}

async function presignRead(
  target: S3Target,
  method: 'GET' | 'HEAD',
  { bucket, objectKey }: Slot,
  headers: Record<string, string>,
): Promise<string> {
  const window = await target.presigner.open(60, Date.now());
  // The service never presigns a HEAD, so its port has none; the signature is the same but for the word.
  return window.sign({ method: method as 'GET', bucket, objectKey, headers });
}

const reads: Row[] = (['GET', 'HEAD'] as const).flatMap((method) => [
  readRow(method, 'its key', '200'),
  readRow(method, 'no key', '400'),
  readRow(method, 'another key', '403'),
]);

export const ROWS: readonly Row[] = [
  putRow('as given', '200, then 200', (put) => put),
  putRow('as given, empty', '200, then 200', (put) => ({ ...put, body: Buffer.alloc(0) }), { size: 0, sha256: undefined }),
  ...dropped,
  ...changed,
  ...bodies,
  ...unsigned,
  ...times,
  ...downloads,
  ...reads,
];
