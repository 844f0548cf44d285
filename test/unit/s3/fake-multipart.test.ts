import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { KEY, unavailable } from './answering.ts';

const HEADERS = { contentType: 'image/png', metadata: { a: '1' }, tags: { t: '2' } };
const PLACE = { bucket: 'b', objectKey: 'k' };
const SUM = { algorithm: 'CRC64NVME', value: 'c3Vt' } as const;

/** The fake does what the real servers were seen to do in `test/integration/multipart.test.ts`. */
describe('multipart uploads of the fake', () => {
  async function world() {
    const s3 = new FakeObjectStore();
    const { multipart, objects } = fakeTarget(s3);
    const uploadId = await multipart.begin(PLACE, KEY, HEADERS, 'CRC64NVME');
    const upload = { ...PLACE, uploadId };
    const parts = async () => (await multipart.parts(upload, KEY)) ?? assert.fail('no such upload');
    return { s3, multipart, objects, upload, parts };
  }

  it('become an object of all parts', async () => {
    const { s3, multipart, objects, upload, parts } = await world();
    s3.putPart(upload.uploadId, { partNumber: 2, size: 5 });
    s3.putPart(upload.uploadId, { partNumber: 1, size: 6 });
    s3.putPart(upload.uploadId, { partNumber: 1, size: 7 });
    const listed = await parts();
    assert.deepEqual(
      listed.map(({ partNumber, size }) => [partNumber, size]),
      [
        [1, 7],
        [2, 5],
      ],
    );
    assert.deepEqual((await objects.remains('b', 'k')).multipartUploadIds, [upload.uploadId]);
    assert.deepEqual(await multipart.complete(upload, KEY, listed, SUM), { kind: 'done' });
    const head = await objects.head('b', 'k', KEY);
    assert.ok(head.kind === 'found');
    const { size, contentType, metadata, tagCount, crc64nvme, crc32c, sha256 } = head.object;
    assert.deepEqual([size, contentType, metadata, tagCount], [12, 'image/png', { a: '1' }, 1]);
    assert.deepEqual([crc64nvme, crc32c, sha256], ['c3Vt', null, null]);
    assert.deepEqual((await objects.remains('b', 'k')).multipartUploadIds, []);
    assert.deepEqual(await multipart.complete(upload, KEY, listed, SUM), { kind: 'exists' });
  });

  it('keep their bytes', async () => {
    const { s3, multipart, upload, parts } = await world();
    s3.putPart(upload.uploadId, { partNumber: 2, bytes: Buffer.from('def') });
    s3.putPart(upload.uploadId, { partNumber: 1, bytes: Buffer.from('abc') });
    await multipart.complete(upload, KEY, await parts(), undefined);
    assert.equal(String(s3.versionsOf('k')[0]?.bytes), 'abcdef');
  });

  it('are refused with another part or checksum, and can be completed then', async () => {
    const { s3, multipart, upload, parts } = await world();
    s3.putPart(upload.uploadId, { partNumber: 1, size: 7 });
    const old = await parts();
    s3.putPart(upload.uploadId, { partNumber: 1, size: 7 });
    const complete = async (listed = old) => multipart.complete(upload, KEY, listed, SUM);
    assert.deepEqual(await complete(), { kind: 'refused', code: 'InvalidPart' });
    assert.deepEqual(await complete([]), { kind: 'refused', code: 'InvalidRequest' });
    const begun = s3.uploads.get(upload.uploadId);
    assert.ok(begun);
    begun.whole = 'other';
    assert.deepEqual(await complete(await parts()), { kind: 'refused', code: 'BadDigest' });
    begun.whole = SUM.value;
    assert.deepEqual(await complete(await parts()), { kind: 'done' });
  });

  it('are gone when aborted or removed', async () => {
    for (const way of ['abort', 'remove'] as const) {
      const { s3, multipart, objects, upload } = await world();
      s3.putPart(upload.uploadId, { partNumber: 1, size: 7 });
      if (way === 'abort') await multipart.abort(upload);
      else await objects.remove('b', 'k', await objects.remains('b', 'k'));
      assert.equal(await multipart.parts(upload, KEY), undefined);
      assert.deepEqual(await multipart.complete(upload, KEY, [], undefined), { kind: 'gone' });
      assert.deepEqual((await objects.remains('b', 'k')).multipartUploadIds, []);
      assert.throws(() => s3.putPart(upload.uploadId, { partNumber: 1 }), /NoSuchUpload/);
    }
  });

  it('fail as told', async () => {
    const { s3, multipart, upload } = await world();
    s3.putPart(upload.uploadId, { partNumber: 1, size: 7 });
    const listed = await multipart.parts(upload, KEY);
    s3.failAt('completeMultipart', 1, 'after');
    await unavailable(multipart.complete(upload, KEY, listed ?? [], undefined));
    assert.ok(s3.objects.has('k'));
    for (const [name, call] of [
      ['beginMultipart', () => multipart.begin(PLACE, KEY, HEADERS, undefined)],
      ['listParts', () => multipart.parts(upload, KEY)],
      ['abortMultipart', () => multipart.abort(upload)],
    ] as const) {
      s3.failAt(name, 1);
      await unavailable(call());
    }
  });
});
