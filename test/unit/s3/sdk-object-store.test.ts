import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KEY, store, storeAt, xml, status, error, unavailable } from './answering.ts';

describe('head', () => {
  it('asks with the key and the checksum mode, and reports what S3 says', async () => {
    const { objects, seen } = await store((_seen, response) =>
      response
        .writeHead(200, {
          'content-length': '12',
          'content-type': 'image/png',
          etag: '"abc"',
          'x-amz-version-id': 'v1',
          'x-amz-server-side-encryption-customer-algorithm': 'AES256',
          'x-amz-server-side-encryption-customer-key-md5': KEY.md5(),
          'x-amz-checksum-sha256': 'c2hh',
          'x-amz-checksum-type': 'FULL_OBJECT',
          'x-amz-meta-invoice': '7',
          'x-amz-tagging-count': '2',
          'cache-control': 'no-store',
        })
        .end(),
    );
    assert.deepEqual(await objects.head('b', 'a b/ü', KEY), {
      kind: 'found',
      object: {
        size: 12,
        contentType: 'image/png',
        etag: '"abc"',
        versionId: 'v1',
        sseCustomerAlgorithm: 'AES256',
        sseCustomerKeyMd5: KEY.md5(),
        sha256: 'c2hh',
        metadata: { invoice: '7' },
        contentEncoding: null,
        contentDisposition: null,
        cacheControl: 'no-store',
        storageClass: null,
        tagCount: 2,
      },
    });
    assert.equal(seen[0]?.line, 'HEAD /b/a%20b/%C3%BC');
    for (const [name, value] of Object.entries(KEY.headers())) assert.equal(seen[0].headers[name], value);
    assert.equal(seen[0].headers['x-amz-checksum-mode'], 'ENABLED');
  });

  it("does not take a multipart upload's checksum for the file's", async () => {
    const { objects } = await store((_seen, response) =>
      response
        .writeHead(200, {
          'content-length': '1',
          'x-amz-checksum-sha256': 'c2hh-2',
          'x-amz-checksum-type': 'COMPOSITE',
        })
        .end(),
    );
    const answer = await objects.head('b', 'k', KEY);
    assert.equal(answer.kind === 'found' && answer.object.sha256, null);
  });

  for (const [what, md5s, told] of [
    ['takes a key MD5 said twice for one', ['bWQ1', 'bWQ1'], 'bWQ1'],
    ['lets two different key MD5s match nothing', ['bWQ1', 'bm8='], 'bWQ1, bm8='],
  ] as const) {
    it(what, async () => {
      const { objects } = await store((_seen, response) =>
        response
          .writeHead(200, {
            'content-length': '1',
            'x-amz-server-side-encryption-customer-key-md5': [...md5s],
          })
          .end(),
      );
      const answer = await objects.head('b', 'k', KEY);
      assert.equal(answer.kind === 'found' && answer.object.sseCustomerKeyMd5, told);
    });
  }

  it('sends no SSE-C header without a key', async () => {
    const { objects, seen } = await store(status(404));
    await objects.head('b', 'k', undefined);
    assert.deepEqual(
      Object.keys(seen[0]!.headers).filter((name) => name.includes('encryption')),
      [],
    );
  });

  it('takes only 404 for absent', async () => {
    const { objects } = await store(status(404));
    assert.deepEqual(await objects.head('b', 'k', KEY), { kind: 'absent' });
  });

  for (const code of [301, 400, 403, 412, 500, 503]) {
    it(`knows nothing from ${code}`, async () => {
      const { objects } = await store(status(code));
      const answer = await objects.head('b', 'k', KEY);
      assert.equal(answer.kind === 'unknown' && answer.status, code);
    });
  }

  it('says that S3 does not answer, without the key in the error', async () => {
    const { objects } = await store((_seen, response) => response.destroy());
    await unavailable(objects.head('b', 'k', KEY));
    await unavailable(storeAt(1).head('b', 'k', KEY));
  });
});

describe('the clock skew', () => {
  it('is learnt from refusals too', async () => {
    const date = new Date(Date.now() + 120_000).toUTCString();
    const { objects } = await store((_seen, response) => response.writeHead(403, { date }).end());
    assert.equal(objects.skewMs(), 0);
    await objects.head('b', 'k', KEY);
    assert.ok(Math.abs(objects.skewMs() - 120_000) < 2_000, String(objects.skewMs()));
  });
});

describe('remove', () => {
  const REMAINS = { versions: [{ versionId: 'null' }, { versionId: 'v2' }], multipartUploadIds: ['u1'] };

  it('removes each version and aborts each unfinished upload', async () => {
    const { objects, seen } = await store(status(204));
    await objects.remove('b', 'k', REMAINS);
    assert.deepEqual(
      seen.map((one) => one.line.replace(/[?&]x-id=\w+/, '')),
      ['DELETE /b/k?uploadId=u1', 'DELETE /b/k?versionId=null', 'DELETE /b/k?versionId=v2'],
    );
  });

  it('removes the object itself where there are no versions', async () => {
    const { objects, seen } = await store(status(204));
    await objects.remove('b', 'k', { versions: [{ versionId: null }], multipartUploadIds: [] });
    assert.ok(!seen[0]?.line.includes('versionId'));
  });

  it('takes what is gone for done', async () => {
    const { objects } = await store((one, response) =>
      xml(response, error(one.line.includes('uploadId') ? 'NoSuchUpload' : 'NoSuchKey'), 404),
    );
    await objects.remove('b', 'k', REMAINS);
  });

  it('goes on after a refusal, and tells of it', async () => {
    const { objects, seen } = await store((one, response) =>
      one.line.includes('versionId=null')
        ? xml(response, error('AccessDenied'), 403)
        : response.writeHead(204).end(),
    );
    await unavailable(objects.remove('b', 'k', REMAINS));
    assert.equal(seen.length, 3);
  });
});
