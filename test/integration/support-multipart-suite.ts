import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import type { ChecksumAlgorithm } from '../../src/s3/port.ts';
import type { Available } from '../support/available.ts';
import { crc } from '../support/crc.ts';
import type { S3Server } from '../support/s3-server.ts';
import { sendByFetch } from './support-clients.ts';
import { codeOf, HEADERS, MultipartWorld } from './support-multipart-world.ts';

const MIB = 1024 * 1024;
/** The smallest part that is not the last. */
const PART = 5 * MIB;
const ALGORITHMS = ['CRC64NVME', 'CRC32C'] as const;
const KEY_HEADERS = Object.keys(CustomerKey.generate().headers());

export interface MultipartSuite {
  /** Of an upload begun with a checksum, every part must bring its own. */
  readonly demandsPartChecksums: boolean;
  /** The status of a part whose signed headers are missing. */
  readonly withoutHeaders: number;
  /** S3's name for a body that has another checksum. */
  readonly wrongChecksum: string;
}

const bodies = (...sizes: number[]): Buffer[] => sizes.map((size) => randomBytes(size));
const headerOf = (algorithm: string): string => `x-amz-checksum-${algorithm.toLowerCase()}`;

export function multipartSuite(name: string, backend: Available<S3Server>, expected: MultipartSuite): void {
  describe(`multipart uploads on ${name}`, { skip: backend.skip }, () => {
    after(() => backend.stop());
    const world = new MultipartWorld(backend);
    after(() => world.close());

    it('take part 3 only with its key, headers, length and upload', () => boundPart(world, expected));
    it('sign all of a part, and hoist nothing', () => signedPart(world));
    it('keep the part that was sent last', () => overwritten(world));
    it('are aborted with a part under way: it lands nowhere', () => aborted(world));
    it('are completed once', () => completedTwice(world));
    it('do not replace an object that is there', () => overExisting(world));
    it('refuse parts that are not those listed, and small ones', () => wrongParts(world));
    for (const algorithm of ALGORITHMS) {
      it(`check the ${algorithm} of the whole`, () => wholeChecksum(world, algorithm, expected));
      it(`check the ${algorithm} of a part`, () => partChecksum(world, algorithm, expected));
    }
    for (const algorithm of [...ALGORITHMS, 'SHA256'] as const) {
      it(`and a PUT: its ${algorithm} is checked, and kept`, () => putChecksum(world, algorithm, expected));
    }
  });
}

async function boundPart(world: MultipartWorld, { withoutHeaders }: MultipartSuite): Promise<void> {
  const begun = await world.begin();
  const other = { ...(await world.begin(undefined, begun.key)) };
  const all = bodies(PART, PART, PART, 1000);
  const [first, second, third, last] = all as [Buffer, Buffer, Buffer, Buffer];
  for (const [number, body] of [
    [1, first],
    [2, second],
    [4, last],
  ] as const) {
    assert.equal((await world.put(begun, number, body)).status, 200);
  }
  const { url, headers } = await world.partUrl(begun, 3, PART);
  const without = (...names: string[]) =>
    Object.fromEntries(Object.entries(headers).filter(([header]) => !names.includes(header)));
  const elsewhere = url.replace(encodeURIComponent(begun.uploadId), encodeURIComponent(other.uploadId));
  assert.notEqual(elsewhere, url);
  const send = async (what: string, status: number, change: object): Promise<void> => {
    const answer = await sendByFetch({ method: 'PUT', url, headers, body: third, ...change });
    assert.equal(answer.status, status, what);
  };
  await send('another key', 403, { headers: CustomerKey.generate().headers() });
  await send('no headers', withoutHeaders, { headers: without(...KEY_HEADERS) });
  for (const header of KEY_HEADERS) await send(header, withoutHeaders, { headers: without(header) });
  await send('a byte longer', 403, { body: Buffer.concat([third, Buffer.from('x')]) });
  await send('a byte shorter', 403, { body: third.subarray(1) });
  await send('another upload', 403, { url: elsewhere });
  await send('another part', 403, { url: url.replace('partNumber=3', 'partNumber=5') });

  const numbers = (await world.parts(begun))?.map(({ partNumber }) => partNumber);
  assert.deepEqual(numbers, [1, 2, 4]);
  assert.deepEqual(await world.parts(other), []);
  await send('as given', 200, {});
  const listed = await world.parts(begun);
  assert.deepEqual(
    listed?.map(({ partNumber, size }) => [partNumber, size]),
    [
      [1, PART],
      [2, PART],
      [3, PART],
      [4, 1000],
    ],
  );
  assert.deepEqual(await world.complete(begun), { kind: 'done' });

  const whole = Buffer.concat(all);
  const facts = await world.head(begun);
  assert.equal(facts.size, whole.length);
  assert.equal(facts.contentType, HEADERS.contentType);
  assert.deepEqual(facts.metadata, HEADERS.metadata);
  assert.equal(facts.sseCustomerAlgorithm, 'AES256');
  assert.equal(facts.sseCustomerKeyMd5, begun.key.md5());
  assert.equal(facts.tagCount, 2);
  const { target, bucket } = await world.open();
  const { objectKey } = begun;
  assert.deepEqual(await target.tags.get({ bucket, objectKey, versionId: null }), HEADERS.tags);
  assert.ok(whole.equals(await world.read(begun)));
  assert.deepEqual((await target.objects.remains(bucket, objectKey)).multipartUploadIds, []);
  await target.multipart.abort(other);
}

async function signedPart(world: MultipartWorld): Promise<void> {
  const begun = await world.begin();
  const { url } = await world.partUrl(begun, 3, PART, { 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=' });
  const { searchParams } = new URL(url);
  const signed = ['content-length', 'host', 'x-amz-checksum-crc64nvme', ...KEY_HEADERS];
  assert.deepEqual(searchParams.get('X-Amz-SignedHeaders')?.split(';'), signed.toSorted());
  assert.deepEqual([...searchParams.keys()].filter((parameter) => !/^X-Amz-/.test(parameter)).toSorted(), [
    'partNumber',
    'uploadId',
  ]);
  const { target } = await world.open();
  await target.multipart.abort(begun);
}

async function overwritten(world: MultipartWorld): Promise<void> {
  const begun = await world.begin();
  const [before, now] = bodies(PART, PART + 1) as [Buffer, Buffer];
  assert.equal((await world.put(begun, 1, before)).status, 200);
  // SeaweedFS counts in whole seconds: a second one of the same second is not listed.
  for (;;) {
    const etag = (await world.put(begun, 1, now)).headers.get('etag');
    const [listed, ...others] = (await world.parts(begun)) ?? [];
    assert.deepEqual(others, []);
    if (listed !== undefined && listed.etag === etag) break;
    assert.equal(listed, undefined, 'a part that was overwritten is never listed');
  }
  assert.deepEqual(await world.complete(begun), { kind: 'done' });
  assert.ok(now.equals(await world.read(begun)));
}

async function aborted(world: MultipartWorld): Promise<void> {
  const { target } = await world.open();
  for (const way of ['abort', 'remove'] as const) {
    const begun = await world.begin();
    const { bucket, objectKey } = begun;
    const [body] = bodies(PART) as [Buffer];
    assert.equal((await world.put(begun, 1, body)).status, 200);
    const finish = await world.putHalf(begun, 2, body);
    if (way === 'abort') await target.multipart.abort(begun);
    else await target.objects.remove(bucket, objectKey, await target.objects.remains(bucket, objectKey));
    const [status, answer] = await finish();
    assert.deepEqual([status, codeOf(answer)], [404, 'NoSuchUpload']);
    assert.equal(await world.parts(begun), undefined);
    const remains = await target.objects.remains(bucket, objectKey);
    assert.deepEqual(remains, { versions: [], multipartUploadIds: [] });
    await target.multipart.abort(begun);
    assert.equal((await world.put(begun, 3, body)).status, 404);
    const part = { partNumber: 1, size: PART, etag: '"0123456789abcdef0123456789abcdef"' };
    assert.deepEqual(await world.complete(begun, undefined, [part]), { kind: 'gone' });
  }
}

async function completedTwice(world: MultipartWorld): Promise<void> {
  const begun = await world.begin();
  const [body] = bodies(1000) as [Buffer];
  await world.putAll(begun, [body]);
  const listed = await world.parts(begun);
  assert.deepEqual(await world.complete(begun, undefined, listed), { kind: 'done' });
  assert.equal(await world.parts(begun), undefined);
  assert.deepEqual(await world.complete(begun, undefined, listed), { kind: 'exists' });
  assert.ok(body.equals(await world.read(begun)));
  await world.removeObject(begun);
  assert.deepEqual(await world.complete(begun, undefined, listed), { kind: 'gone' });
}

async function overExisting(world: MultipartWorld): Promise<void> {
  const first = await world.begin();
  const { target, bucket } = await world.open();
  const { objectKey } = first;
  const key = CustomerKey.generate();
  const uploadId = await target.multipart.begin({ bucket, objectKey }, key, HEADERS, undefined);
  const second = { bucket, objectKey, uploadId, key };
  const [there, late] = bodies(1000, 2000) as [Buffer, Buffer];
  await world.putAll(first, [there]);
  await world.putAll(second, [late]);
  assert.deepEqual(await world.complete(first), { kind: 'done' });
  assert.deepEqual(await world.complete(second), { kind: 'exists' });
  assert.ok(there.equals(await world.read(first)));
  await world.removeObject(first);
  assert.deepEqual(await world.complete(second), { kind: 'done' });
  assert.ok(late.equals(await world.read(second)));
}

async function wrongParts(world: MultipartWorld): Promise<void> {
  const begun = await world.begin();
  await world.putAll(begun, bodies(1000, 1000));
  const listed = (await world.parts(begun)) ?? [];
  const other = listed.map((part) => ({ ...part, etag: '"0123456789abcdef0123456789abcdef"' }));
  assert.deepEqual(await world.complete(begun, undefined, other), { kind: 'refused', code: 'InvalidPart' });
  const third = [...listed, { partNumber: 3, size: 1, etag: listed[0]?.etag ?? '' }];
  assert.equal((await world.complete(begun, undefined, third)).kind, 'refused');
  assert.deepEqual(await world.complete(begun), { kind: 'refused', code: 'EntityTooSmall' });
  assert.ok(await world.isAbsent(begun));
  assert.deepEqual(await world.complete(begun, undefined, listed.slice(0, 1)), { kind: 'done' });
}

async function wholeChecksum(
  world: MultipartWorld,
  algorithm: ChecksumAlgorithm,
  { wrongChecksum }: MultipartSuite,
): Promise<void> {
  const begun = await world.begin(algorithm);
  const all = bodies(PART, PART, 1000);
  for (const [index, body] of all.entries()) {
    const more = { [headerOf(algorithm)]: crc(algorithm, body) };
    assert.equal((await world.put(begun, index + 1, body, more)).status, 200);
  }
  const wrong = { algorithm, value: crc(algorithm, randomBytes(10)) };
  assert.deepEqual(await world.complete(begun, wrong), { kind: 'refused', code: wrongChecksum });
  assert.ok(await world.isAbsent(begun));
  const whole = Buffer.concat(all);
  const value = crc(algorithm, whole);
  assert.deepEqual(await world.complete(begun, { algorithm, value }), { kind: 'done' });
  const { crc32c, crc64nvme, sha256 } = await world.head(begun);
  const none = { crc32c: null, crc64nvme: null, sha256: null };
  assert.deepEqual({ crc32c, crc64nvme, sha256 }, { ...none, [algorithm.toLowerCase()]: value });
  assert.ok(whole.equals(await world.read(begun)));
}

async function partChecksum(
  world: MultipartWorld,
  algorithm: ChecksumAlgorithm,
  { demandsPartChecksums, wrongChecksum }: MultipartSuite,
): Promise<void> {
  const { target } = await world.open();
  const [right, wrong] = bodies(1000, 1000) as [Buffer, Buffer];
  for (const announced of [algorithm, undefined]) {
    const begun = await world.begin(announced);
    const asked = await world.partUrl(begun, 1, 1000, { [headerOf(algorithm)]: crc(algorithm, right) });
    const answer = await sendByFetch({ method: 'PUT', ...asked, body: wrong });
    assert.deepEqual([answer.status, codeOf(answer.body)], [400, wrongChecksum]);
    assert.deepEqual(await world.parts(begun), []);
    assert.equal((await sendByFetch({ method: 'PUT', ...asked, body: right })).status, 200);
    const without = (await world.put(begun, 2, right)).status;
    assert.equal(without, demandsPartChecksums && announced !== undefined ? 400 : 200);
    await target.multipart.abort(begun);
  }
}

async function putChecksum(
  world: MultipartWorld,
  algorithm: ChecksumAlgorithm | 'SHA256',
  { wrongChecksum }: MultipartSuite,
): Promise<void> {
  const { target, bucket } = await world.open();
  const key = CustomerKey.generate();
  const objectKey = randomUUID();
  const [right, wrong] = bodies(1000, 1000) as [Buffer, Buffer];
  const value =
    algorithm === 'SHA256' ? createHash('sha256').update(right).digest('base64') : crc(algorithm, right);
  const headers = { ...key.headers(), 'content-type': 'image/png', [headerOf(algorithm)]: value };
  const window = await target.presigner.open(600, Date.now());
  const signed = { ...headers, 'content-length': '1000' };
  const url = window.sign({ method: 'PUT', bucket, objectKey, headers: signed });
  const refused = await sendByFetch({ method: 'PUT', url, headers, body: wrong });
  assert.deepEqual([refused.status, codeOf(refused.body)], [400, wrongChecksum]);
  assert.deepEqual(await target.objects.head(bucket, objectKey, key), { kind: 'absent' });
  assert.equal((await sendByFetch({ method: 'PUT', url, headers, body: right })).status, 200);
  const { crc32c, crc64nvme, sha256 } = await world.head({ bucket, objectKey, key });
  const none = { crc32c: null, crc64nvme: null, sha256: null };
  assert.deepEqual({ crc32c, crc64nvme, sha256 }, { ...none, [algorithm.toLowerCase()]: value });
}
