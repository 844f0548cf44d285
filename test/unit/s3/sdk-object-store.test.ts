import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  error,
  KEY,
  partsOf,
  type Seen,
  status,
  store,
  storeAt,
  unavailable,
  xml,
} from './answering.ts';

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
          'x-amz-checksum-crc32c': 'Y3JjMzJj',
          'x-amz-checksum-crc64nvme': 'Y3JjNjQ=',
          'x-amz-checksum-type': 'FULL_OBJECT',
          'x-amz-meta-invoice': '7',
          'x-amz-tagging-count': '2',
          'content-language': 'de',
          'cache-control': 'no-store',
          expires: 'when it suits',
          'x-amz-website-redirect-location': '/elsewhere',
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
        crc32c: 'Y3JjMzJj',
        crc64nvme: 'Y3JjNjQ=',
        metadata: { invoice: '7' },
        contentEncoding: null,
        contentDisposition: null,
        contentLanguage: 'de',
        cacheControl: 'no-store',
        expires: 'when it suits',
        websiteRedirect: '/elsewhere',
        storageClass: null,
        tagCount: 2,
      },
    });
    assert.equal(seen[0]?.line, 'HEAD /b/a%20b/%C3%BC');
    for (const [name, value] of Object.entries(KEY.headers())) assert.equal(seen[0].headers[name], value);
    assert.equal(seen[0].headers['x-amz-checksum-mode'], 'ENABLED');
  });

  for (const [how, headers] of [
    ['by its type', { 'x-amz-checksum-type': 'COMPOSITE' }],
    ['by its form', {}],
  ] as const) {
    it(`does not take a checksum of a multipart upload's parts for the file's: ${how}`, async () => {
      const value = how === 'by its form' ? 'c2hh-2' : 'c2hh';
      const names = ['sha256', 'crc32c', 'crc64nvme'] as const;
      const { objects } = await store((_seen, response) => {
        const said = Object.fromEntries(names.map((name) => [`x-amz-checksum-${name}`, value]));
        response.writeHead(200, { 'content-length': '1', ...said, ...headers }).end();
      });
      const answer = await objects.head('b', 'k', KEY);
      assert.ok(answer.kind === 'found');
      for (const name of names) assert.equal(answer.object[name], null);
    });
  }

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
    const { objects } = await store((_seen, response) => {
      response.writeHead(403, { date: new Date(Date.now() + 120_000).toUTCString() }).end();
    });
    assert.equal(objects.skewMs(), 0);
    await objects.head('b', 'k', KEY);
    assert.ok(Math.abs(objects.skewMs() - 120_000) < 2_000, String(objects.skewMs()));
  });
});

describe('remove', () => {
  const REMAINS = { versions: [{ versionId: 'null' }, { versionId: 'v2' }], multipartUploadIds: ['u1'] };

  /** Removes all, and has no upload any more. */
  const removing: Answer = (seen, response) =>
    seen.line.startsWith('GET') ? xml(response, error('NoSuchUpload'), 404) : response.writeHead(204).end();
  const lines = (seen: readonly Seen[]) => seen.map(({ line }) => line.replace(/[?&]x-id=\w+/, ''));

  it('aborts each unfinished upload until no part of it is listed, then removes each version', async () => {
    const { objects, seen } = await store(removing);
    await objects.remove('b', 'k', REMAINS);
    assert.deepEqual(lines(seen), [
      'DELETE /b/k?uploadId=u1',
      'GET /b/k?uploadId=u1',
      'DELETE /b/k?versionId=null',
      'DELETE /b/k?versionId=v2',
    ]);
  });

  it('aborts again when a part has landed', async () => {
    let lists = 0;
    const { objects, seen } = await store((one, response) => {
      lists += Number(one.line.startsWith('GET'));
      if (one.line.startsWith('GET') && lists === 1) xml(response, partsOf(1));
      else removing(one, response);
    });
    await objects.remove('b', 'k', { versions: [], multipartUploadIds: ['u1'] });
    assert.equal(lines(seen).filter((line) => line.startsWith('DELETE')).length, 2);
  });

  it('says that parts are left, when they are, and removes the versions', async () => {
    const { objects, seen } = await store((one, response) =>
      one.line.startsWith('GET') ? xml(response, partsOf(1)) : response.writeHead(204).end(),
    );
    await unavailable(objects.remove('b', 'k', REMAINS));
    assert.deepEqual(lines(seen).slice(-2), ['DELETE /b/k?versionId=null', 'DELETE /b/k?versionId=v2']);
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
        : removing(one, response),
    );
    await unavailable(objects.remove('b', 'k', REMAINS));
    assert.equal(seen.length, 4);
  });
});
