import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { createTarget } from '../../../src/s3/adapters/target.ts';
import type { ObjectStore } from '../../../src/s3/port.ts';
import { Secret } from '../../../src/secret.ts';

const KEY = CustomerKey.fromBytes(new Uint8Array(32).fill(7));
const KEY_TEXT = KEY.bytes().toString('base64');

interface Seen {
  readonly line: string;
  readonly headers: IncomingMessage['headers'];
}
type Answer = (seen: Seen, response: ServerResponse) => void;

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

/** A store on a server that answers as told; `seen` lists what was asked. */
async function store(answer: Answer): Promise<{ objects: ObjectStore; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const one = { line: `${request.method} ${request.url}`, headers: request.headers };
    seen.push(one);
    answer(one, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  return { objects: storeAt((server.address() as AddressInfo).port), seen };
}

function storeAt(port: number): ObjectStore {
  const endpoint = new URL(`http://127.0.0.1:${port}`);
  const target = createTarget({
    endpoint,
    publicEndpoint: endpoint,
    region: 'us-east-1',
    pathStyle: true,
    ca: undefined,
    credentials: {
      kind: 'static',
      accessKeyId: 'AKIA',
      secretAccessKey: new Secret('the-secret'),
      sessionToken: undefined,
    },
  });
  closers.push(() => target.close());
  return target.objects;
}

const xml = (response: ServerResponse, body: string, status = 200) =>
  response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${body}`);
const status =
  (code: number): Answer =>
  (_seen, response) =>
    response.writeHead(code).end();
const error = (code: string) => `<Error><Code>${code}</Code><Message>no</Message></Error>`;
const NO_UPLOADS = '<ListMultipartUploadsResult><Bucket>b</Bucket></ListMultipartUploadsResult>';
const versions = (inner: string) => `<ListVersionsResult><Name>b</Name>${inner}</ListVersionsResult>`;
const version = (key: string, id: string) =>
  `<Version><Key>${key}</Key><VersionId>${id}</VersionId></Version>`;

/** Listings answered by page markers; uploads are none unless told. */
const listing =
  (answerVersions: Answer, uploads = NO_UPLOADS): Answer =>
  (seen, response) =>
    seen.line.includes('uploads') ? xml(response, uploads) : answerVersions(seen, response);

async function unavailable(promise: Promise<unknown>): Promise<DependencyUnavailable> {
  const thrown: unknown = await promise.then(
    () => assert.fail('it did not throw'),
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof DependencyUnavailable, inspect(thrown));
  assert.equal(thrown.extra['dependency'], 's3');
  assert.ok(!inspect(thrown, { depth: 20, showHidden: true }).includes(KEY_TEXT));
  return thrown;
}

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

describe('remains', () => {
  it('reads every page and keeps exactly this object key', async () => {
    const uploads =
      '<ListMultipartUploadsResult><Bucket>b</Bucket><Upload><Key>k</Key><UploadId>u1</UploadId></Upload>' +
      '<Upload><Key>k2</Key><UploadId>u2</UploadId></Upload></ListMultipartUploadsResult>';
    const { objects, seen } = await store(
      listing((one, response) => {
        if (one.line.includes('key-marker'))
          return xml(response, versions(version('k', 'v2') + version('kk', 'v3')));
        const marker = '<DeleteMarker><Key>k</Key><VersionId>d1</VersionId></DeleteMarker>';
        const more =
          '<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>';
        return xml(response, versions(version('k', 'null') + marker + more));
      }, uploads),
    );
    assert.deepEqual(await objects.remains('b', 'k'), {
      versions: [{ versionId: 'null' }, { versionId: 'd1' }, { versionId: 'v2' }],
      multipartUploadIds: ['u1'],
    });
    assert.equal(seen.length, 3);
  });

  it('proves absence by empty listings', async () => {
    const { objects } = await store(listing((_seen, response) => xml(response, versions(''))));
    assert.deepEqual(await objects.remains('b', 'k'), { versions: [], multipartUploadIds: [] });
  });

  it('lists objects where versions are not implemented', async () => {
    const { objects } = await store(
      listing((one, response) =>
        one.line.includes('list-type=2')
          ? xml(
              response,
              '<ListBucketResult><Name>b</Name><Contents><Key>k</Key></Contents><Contents><Key>k2</Key></Contents></ListBucketResult>',
            )
          : xml(response, error('NotImplemented'), 501),
      ),
    );
    assert.deepEqual((await objects.remains('b', 'k')).versions, [{ versionId: null }]);
  });

  for (const [what, answer] of [
    ['a refusal', (_seen, response) => xml(response, error('AccessDenied'), 403)],
    ['a missing bucket', (_seen, response) => xml(response, error('NoSuchBucket'), 404)],
    ['an empty answer', status(200)],
    ["a proxy's page", (_seen, response) => xml(response, '<html><body>Welcome</body></html>')],
    [
      'another bucket',
      (_seen, response) => xml(response, '<ListVersionsResult><Name>c</Name></ListVersionsResult>'),
    ],
    ['half a listing', (_seen, response) => xml(response, versions('<IsTruncated>true</IsTruncated>'))],
    [
      'pages in a circle',
      (_seen, response) =>
        xml(response, versions('<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>')),
    ],
    [
      'pages without an end',
      (_seen, response) => {
        const marker = `<NextKeyMarker>${Math.random()}</NextKeyMarker>`;
        xml(response, versions(`<IsTruncated>true</IsTruncated>${marker}`));
      },
    ],
    ['no answer', (_seen, response) => response.destroy()],
  ] satisfies [string, Answer][]) {
    it(`proves nothing by ${what}`, async () => {
      const { objects } = await store(listing(answer));
      await unavailable(objects.remains('b', 'k'));
    });
  }

  it('proves nothing when the unfinished uploads cannot be listed', async () => {
    const { objects } = await store((one, response) =>
      one.line.includes('uploads')
        ? xml(response, error('NotImplemented'), 501)
        : xml(response, versions('')),
    );
    await unavailable(objects.remains('b', 'k'));
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
