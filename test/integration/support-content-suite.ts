import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { createTarget } from '../../src/s3/adapters/target.ts';
import { ObjectRefused } from '../../src/s3/errors.ts';
import type { ListedVersion, ObjectVersion, S3Target, Written } from '../../src/s3/port.ts';
import type { Available } from '../support/available.ts';
import type { S3Server } from '../support/s3-server.ts';
import { targetConfigOf } from '../support/s3-target.ts';
import { sendByFetch, trust } from './support-clients.ts';

const MIB = 1024 * 1024;
/** So that 20 MB take the way of 6 GB. The smallest part that S3 allows is 5 MiB. */
const SMALL_LIMITS = { largestCopy: 8 * MIB, copyPart: 5 * MIB, largestPut: 8 * MIB, streamPart: 5 * MIB };

const SIZES = [
  ['0 bytes', 0],
  ['5 bytes', 5],
  ['300 kB', 300_000],
  ['20 MB', 20_000_000],
] as const;

const HEADERS = {
  contentType: 'image/png',
  metadata: { invoice: '7', note: 'a b' },
  tags: { 'sealslot:v': '1', 'a b': 'c+d/e=f:g@h_i-j.k' },
};
const OLD_TAGS = { old: 'tag', other: '1' };

const never = new AbortController().signal;

type Way = 'copy' | 'stream';

export interface ContentSuite {
  /** Has copies by parts under SSE-C; without them, it says so. */
  readonly copiesParts: boolean;
}

/** What a re-key does to the bytes, the same on every server. */
export function contentSuite(name: string, backend: Available<S3Server>, expected: ContentSuite): void {
  describe(`object content on ${name}`, { skip: backend.skip }, () => {
    after(() => backend.stop());
    for (const versioning of [false, true]) {
      describe(versioning ? 'with versions' : 'without versions', () => {
        const world = new World(backend, versioning);
        after(() => world.close());
        for (const way of ['copy', 'stream'] as const) {
          const noParts = way === 'copy' && !expected.copiesParts;
          for (const [words, size] of SIZES) {
            if (noParts && size > SMALL_LIMITS.largestCopy) {
              it(`has no copy of ${words}, says so, and changes nothing`, () => unsupported(world, size));
            } else {
              it(`writes ${words} under another key: ${way}`, () => rewritten(world, way, size));
            }
          }
          it(`refuses another ETag, key, version and name, and changes nothing: ${way}`, () =>
            refused(world, way));
          it(`stops when told, and leaves no upload: ${way}`, () => aborted(world, way));
        }
        it('lists every version, and tags each', () => listed(world));
        it('reads without reading ahead, and stops when told', () => readInPieces(world));
        it('keeps small objects', () => small(world));
      });
    }
  });
}

class World {
  readonly #backend: Available<S3Server>;
  readonly versioning: boolean;
  #open: Promise<{ target: S3Target; bucket: string }> | undefined;

  constructor(backend: Available<S3Server>, versioning: boolean) {
    this.#backend = backend;
    this.versioning = versioning;
  }

  open(): Promise<{ target: S3Target; bucket: string }> {
    this.#open ??= this.#start();
    return this.#open;
  }

  async #start(): Promise<{ target: S3Target; bucket: string }> {
    const server = this.#backend.get();
    trust(server.caPem);
    const bucket = `sealslot-${randomUUID()}`;
    await server.createBucket(bucket, { versioning: this.versioning });
    return { target: createTarget(targetConfigOf(server), SMALL_LIMITS), bucket };
  }

  /** A client's PUT by a presigned URL. */
  async put(bytes: Buffer, key: CustomerKey): Promise<ObjectVersion & { size: number; etag: string }> {
    const { target, bucket } = await this.open();
    const objectKey = `a b+c/${randomUUID()}/ü (1)!*'.png`;
    const headers = {
      ...key.headers(),
      'content-type': 'image/png',
      'x-amz-meta-invoice': 'old',
      'x-amz-meta-gone': '1',
    };
    const now = Date.now();
    const window = await target.presigner.open(600, now);
    const signed = { 'content-length': String(bytes.length), ...headers };
    const url = window.sign({ method: 'PUT', bucket, objectKey, headers: signed });
    const answer = await sendByFetch({ method: 'PUT', url, headers, body: bytes });
    assert.equal(answer.status, 200);
    const head = await target.objects.head(bucket, objectKey, key);
    assert.ok(head.kind === 'found' && head.object.etag !== null);
    const { etag, versionId, size } = head.object;
    const object = { bucket, objectKey, versionId, etag, size };
    assert.equal(await target.tags.put(object, OLD_TAGS), true);
    return object;
  }

  async read(object: ObjectVersion, key: CustomerKey): Promise<Buffer> {
    const { target } = await this.open();
    const chunks: Uint8Array[] = [];
    for await (const chunk of await target.content.read(object, key, never)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async close(): Promise<void> {
    (await this.open()).target.close();
  }
}

const newest = ({ bucket, objectKey }: ObjectVersion): ObjectVersion => ({
  bucket,
  objectKey,
  versionId: null,
});

async function rewritten(world: World, way: Way, size: number): Promise<void> {
  const { target, bucket } = await world.open();
  const keys = { from: CustomerKey.generate(), to: CustomerKey.generate() };
  const bytes = randomBytes(size);
  const from = await world.put(bytes, keys.from);
  const written = (await target.content[way](from, keys, HEADERS, never)) as Written;
  assert.equal(written.kind, 'written');
  assert.equal(written.versionId === null, !world.versioning);

  const head = await target.objects.head(bucket, from.objectKey, keys.to);
  assert.ok(head.kind === 'found');
  assert.equal(head.object.etag, written.etag);
  assert.equal(head.object.versionId, written.versionId);
  assert.equal(head.object.sseCustomerKeyMd5, keys.to.md5());
  assert.equal(head.object.contentType, HEADERS.contentType);
  assert.deepEqual(head.object.metadata, HEADERS.metadata);
  assert.equal(head.object.size, size);

  const place = { ...newest(from), versionId: written.versionId };
  for (const object of [place, newest(from)]) {
    assert.ok(bytes.equals(await world.read(object, keys.to)));
    // MinIO opens nothing with any key.
    if (size > 0) await assert.rejects(world.read(object, keys.from), ObjectRefused);
    assert.deepEqual(await target.tags.get(object), HEADERS.tags);
  }
  const { versions, multipartUploadIds } = await target.objects.remains(bucket, from.objectKey);
  assert.deepEqual(multipartUploadIds, []);
  assert.equal(versions.length, world.versioning ? 2 : 1);
  if (!world.versioning) return;
  const old = await target.objects.head(bucket, from.objectKey, keys.from, from.versionId ?? '');
  assert.equal(old.kind === 'found' && old.object.etag, from.etag);
  assert.ok(bytes.equals(await world.read(from, keys.from)), 'the old version opens with the old key');
  assert.deepEqual(await target.tags.get(from), OLD_TAGS);
}

async function unchanged(
  world: World,
  object: ObjectVersion,
  key: CustomerKey,
  bytes: Uint8Array,
): Promise<void> {
  const { target, bucket } = await world.open();
  assert.ok((await world.read(newest(object), key)).equals(bytes));
  assert.deepEqual(await target.tags.get(newest(object)), OLD_TAGS);
  const head = await target.objects.head(bucket, object.objectKey, key);
  assert.deepEqual(head.kind === 'found' && head.object.metadata, { invoice: 'old', gone: '1' });
  const { versions, multipartUploadIds } = await target.objects.remains(bucket, object.objectKey);
  assert.deepEqual([versions.length, multipartUploadIds.length], [1, 0]);
}

async function unsupported(world: World, size: number): Promise<void> {
  const { target } = await world.open();
  const keys = { from: CustomerKey.generate(), to: CustomerKey.generate() };
  const bytes = randomBytes(size);
  const from = await world.put(bytes, keys.from);
  const answer = await target.content.copy(from, keys, HEADERS, never);
  assert.equal(answer.kind, 'unsupported');
  await unchanged(world, from, keys.from, bytes);
}

async function refused(world: World, way: Way): Promise<void> {
  const { target } = await world.open();
  const keys = { from: CustomerKey.generate(), to: CustomerKey.generate() };
  for (const size of [5, 9 * MIB]) {
    const bytes = randomBytes(size);
    const from = await world.put(bytes, keys.from);
    for (const [change, useKeys, status] of [
      [{ etag: '"0123456789abcdef0123456789abcdef"' }, keys, [412]],
      [{ size: size + 1 }, keys, [412]],
      [{}, { ...keys, from: CustomerKey.generate() }, [400, 403]],
      [{ objectKey: `${from.objectKey}x` }, keys, [404]],
      // SeaweedFS does not look at the version where there are none.
      ...(world.versioning ? ([[{ versionId: randomUUID() }, keys, [400, 404]]] as const) : []),
    ] as const) {
      const source = { ...from, ...change };
      await assert.rejects(
        target.content[way](source, useKeys, HEADERS, never),
        (error) => error instanceof ObjectRefused && (status as readonly number[]).includes(error.status),
        JSON.stringify(change),
      );
    }
    await unchanged(world, from, keys.from, bytes);
  }
}

async function aborted(world: World, way: Way): Promise<void> {
  const { target } = await world.open();
  const keys = { from: CustomerKey.generate(), to: CustomerKey.generate() };
  const bytes = randomBytes(60_000_000);
  const from = await world.put(bytes, keys.from);
  const reason = new Error('told to stop');
  const stop = new AbortController();
  const writing = target.content[way](from, keys, HEADERS, stop.signal);
  const failing = assert.rejects(writing, (error) => error === reason);
  const over = failing.then(
    () => true,
    () => true,
  );
  // The upload is begun, and none of it is whole; or it went by between two looks, which `failing` then says.
  for (;;) {
    const { multipartUploadIds } = await target.objects.remains(from.bucket, from.objectKey);
    if (multipartUploadIds.length === 1 || (await Promise.race([over, Promise.resolve(false)]))) break;
  }
  stop.abort(reason);
  await failing;
  await unchanged(world, from, keys.from, bytes);
}

async function versionsOf(target: S3Target, bucket: string, prefix?: string): Promise<ListedVersion[]> {
  return Array.fromAsync(target.buckets.versions(bucket, prefix));
}

async function listed(world: World): Promise<void> {
  const { target, bucket } = await world.open();
  const keys = { from: CustomerKey.generate(), to: CustomerKey.generate() };
  const from = await world.put(randomBytes(300), keys.from);
  const written = await target.content.stream(from, keys, HEADERS, never);
  const versions = await versionsOf(target, bucket, from.objectKey);
  assert.deepEqual(
    versions.map(({ versionId, isLatest, isDeleteMarker, size }) => [
      versionId,
      isLatest,
      isDeleteMarker,
      size,
    ]),
    [
      [written.versionId, true, false, 300],
      ...(world.versioning ? [[from.versionId, false, false, 300]] : []),
    ],
  );
  for (const { objectKey, versionId, modifiedAt } of versions) {
    assert.equal(objectKey, from.objectKey);
    assert.ok(Math.abs(modifiedAt - Date.now()) < 600_000);
    const tags = { version: versionId ?? 'none' };
    assert.equal(await target.tags.put({ bucket, objectKey, versionId }, tags), true);
  }
  for (const { objectKey, versionId } of versions) {
    assert.deepEqual(await target.tags.get({ bucket, objectKey, versionId }), {
      version: versionId ?? 'none',
    });
  }
  const whole = await versionsOf(target, bucket);
  assert.ok(whole.length > versions.length);
  const none = { bucket, objectKey: `${from.objectKey}x`, versionId: null };
  assert.equal(await target.tags.get(none), undefined);
  assert.equal(await target.tags.put(none, { a: 'b' }), false);
  if (!world.versioning) return;

  await target.objects.remove(bucket, from.objectKey, {
    versions: [{ versionId: null }],
    multipartUploadIds: [],
  });
  const [marker, ...others] = await versionsOf(target, bucket, from.objectKey);
  assert.ok(marker?.isDeleteMarker === true && marker.isLatest && marker.versionId !== null);
  assert.deepEqual(
    others.map(({ versionId, isDeleteMarker }) => [versionId, isDeleteMarker]),
    [
      [written.versionId, false],
      [from.versionId, false],
    ],
  );
}

async function readInPieces(world: World): Promise<void> {
  const { target } = await world.open();
  const key = CustomerKey.generate();
  const from = await world.put(randomBytes(20_000_000), key);
  const stop = new AbortController();
  const reason = new Error('told to stop');
  let length = 0;
  await assert.rejects(
    async () => {
      for await (const chunk of await target.content.read(from, key, stop.signal)) {
        length += chunk.length;
        stop.abort(reason);
      }
    },
    (error) => error === reason,
  );
  assert.ok(length > 0 && length < 20_000_000);
  await assert.rejects(target.content.read(from, key, stop.signal), (error) => error === reason);
}

async function small(world: World): Promise<void> {
  const { target, bucket } = await world.open();
  const objectKey = `keys/${randomUUID()}.json`;
  assert.equal(await target.buckets.getSmall(bucket, objectKey), undefined);
  for (const bytes of [Buffer.from('one'), randomBytes(64 * 1024), Buffer.alloc(0)]) {
    await target.buckets.putSmall(bucket, objectKey, bytes, 'application/json');
    assert.deepEqual(Buffer.from((await target.buckets.getSmall(bucket, objectKey)) ?? 'none'), bytes);
  }
  await assert.rejects(target.buckets.getSmall(`${bucket}x`, objectKey), { code: 'dependency_unavailable' });
}
