import { createHash } from 'node:crypto';
import {
  cell,
  KEY,
  other,
  otherBody,
  putRow,
  set,
  slotOf,
  SSE,
  withHeaders,
  without,
  type Row,
} from './support-cells.ts';
import { randomBody, untilS3IsPast } from './support-service.ts';

const KEY_MD5 = `${SSE}-key-md5`;

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
  putRow(
    'body one byte longer',
    '403',
    otherBody((body) => Buffer.concat([body, Buffer.from('x')])),
  ),
  putRow(
    'body one byte shorter',
    '403',
    otherBody((body) => body.subarray(1)),
  ),
  putRow(
    'empty body',
    '403',
    otherBody(() => Buffer.alloc(0)),
  ),
  putRow('body without a length (chunked)', { minio: '411', seaweedfs: '403' }, (put) => ({
    ...put,
    chunked: true,
  })),
  putRow(
    'other body of the same size',
    '400',
    otherBody((body) => randomBody(body.length)),
  ),
];

/**
 * Sent beside the signed ones. SeaweedFS, as AWS's documentation has it, demands that every `x-amz-*` be signed; of these, MinIO
 * demands it of metadata only. What could change how the object is served or kept, `complete` catches. It does not see the rest,
 * which does no harm: MinIO has neither object ACLs nor websites.
 */
const unsigned: Row[] = [
  putRow('+ content-encoding', '200, then 422 contentEncoding', set('content-encoding', 'gzip')),
  putRow('+ content-disposition', '200, then 422 contentDisposition', set('content-disposition', 'inline')),
  putRow('+ cache-control', '200, then 422 cacheControl', set('cache-control', 'public, max-age=9')),
  putRow('+ content-language', '200, then 422 contentLanguage', set('content-language', 'de')),
  putRow('+ expires', '200, then 422 expires', set('expires', 'Wed, 21 Oct 2099 07:28:00 GMT')),
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

export const WRITE_ROWS: readonly Row[] = [
  putRow('as given', '200, then 200', (put) => put),
  putRow('as given, empty', '200, then 200', (put) => ({ ...put, body: Buffer.alloc(0) }), {
    size: 0,
    sha256: undefined,
  }),
  ...dropped,
  ...changed,
  ...bodies,
  ...unsigned,
  ...times,
];
