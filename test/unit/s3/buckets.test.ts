import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ObjectRefused } from '../../../src/s3/errors.ts';
import { type Answer, error, targetOn, unavailable, versions, xml } from './answering.ts';

const entry = (tag: 'Version' | 'DeleteMarker', key: string, id: string, at: string, latest = false) =>
  `<${tag}><Key>${key}</Key><VersionId>${id}</VersionId><IsLatest>${latest}</IsLatest>` +
  `<LastModified>2027-01-0${at}T00:00:00.000Z</LastModified><Size>7</Size></${tag}>`;

const NO_VERSIONS = '<VersioningConfiguration></VersioningConfiguration>';
const VERSIONS = '<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>';

/** Answers whether the bucket has versions, and listings. */
const bucket =
  (versioning: Answer, list: Answer): Answer =>
  (seen, response) =>
    (seen.line.includes('?versioning') ? versioning : list)(seen, response);

const says =
  (body: string, status = 200): Answer =>
  (_seen, response) =>
    xml(response, body, status);

async function list(answer: Answer) {
  const { target, seen } = await targetOn(answer);
  return { listed: await Array.fromAsync(target.buckets.versions('b')), seen };
}

describe('the versions of a bucket', () => {
  it('come page by page, by object key, the newest first, delete markers among them', async () => {
    const { listed, seen } = await list(
      bucket(says(VERSIONS), (one, response) => {
        if (one.line.includes('key-marker'))
          return xml(response, versions(entry('Version', 'b', 'null', '1')));
        const more = '<IsTruncated>true</IsTruncated><NextKeyMarker>b</NextKeyMarker>';
        const found =
          entry('Version', 'a', 'v1', '1') +
          entry('Version', 'b', 'v4', '4', true) +
          entry('DeleteMarker', 'a', 'd2', '2', true) +
          entry('DeleteMarker', 'b', 'd3', '3');
        return xml(response, versions(more + found));
      }),
    );
    assert.deepEqual(
      listed.map(({ objectKey, versionId, isLatest, isDeleteMarker }) => [
        objectKey,
        versionId,
        isLatest,
        isDeleteMarker,
      ]),
      [
        ['a', 'd2', true, true],
        ['a', 'v1', false, false],
        ['b', 'v4', true, false],
        ['b', 'd3', false, true],
        ['b', 'null', false, false],
      ],
    );
    assert.equal(listed[1]?.size, 7);
    assert.equal(listed[1].modifiedAt, Date.parse('2027-01-01'));
    assert.equal(seen.length, 3);
  });

  for (const [what, versioning, versionId] of [
    ['where there are no versions', says(NO_VERSIONS), null],
    ['where there are', says(VERSIONS), 'null'],
    ['where that cannot be asked', says(error('AccessDenied'), 403), null],
  ] as const) {
    it(`read "null" as ${versionId === null ? 'none' : 'a version'} ${what}`, async () => {
      const { listed } = await list(
        bucket(versioning, says(versions(entry('Version', 'a', 'null', '1', true)))),
      );
      assert.deepEqual(
        listed.map((one) => one.versionId),
        [versionId],
      );
    });
  }

  it('are the objects of a server that has none', async () => {
    const found =
      '<ListBucketResult><Name>b</Name><Contents><Key>a</Key><Size>7</Size></Contents></ListBucketResult>';
    const { listed } = await list((one, response) =>
      one.line.includes('list-type=2') ? xml(response, found) : xml(response, error('NotImplemented'), 501),
    );
    assert.deepEqual(listed, [
      { objectKey: 'a', versionId: null, isLatest: true, isDeleteMarker: false, size: 7, modifiedAt: 0 },
    ]);
  });

  const more = (marker: string) =>
    versions(`<IsTruncated>true</IsTruncated><NextKeyMarker>${marker}</NextKeyMarker>`);
  for (const [what, answer] of [
    ['a refusal', says(error('AccessDenied'), 403)],
    ['an empty answer', (_seen, response) => response.writeHead(200).end()],
    ['another bucket', says('<ListVersionsResult><Name>c</Name></ListVersionsResult>')],
    ['half a listing', says(versions('<IsTruncated>true</IsTruncated>'))],
    ['a version without a name', says(versions('<Version><VersionId>v</VersionId></Version>'))],
    [
      'pages that lead round',
      (seen, response) => xml(response, more(seen.line.includes('key-marker=a') ? 'b' : 'a')),
    ],
  ] satisfies [string, Answer][]) {
    it(`end in an error after ${what}`, async () => {
      await unavailable(list(bucket(says(VERSIONS), answer)));
    });
  }
});

describe('small objects', () => {
  it('are absent only when S3 says so', async () => {
    const gone = await targetOn(says(error('NoSuchKey'), 404));
    assert.equal(await gone.target.buckets.getSmall('b', 'k'), undefined);
    for (const [code, status] of [
      ['NoSuchBucket', 404],
      ['RequestTimeout', 400],
      ['SlowDown', 429],
      ['SlowDown', 503],
    ] as const) {
      const { target } = await targetOn(says(error(code), status));
      await unavailable(target.buckets.getSmall('b', 'k'));
      await unavailable(target.buckets.putSmall('b', 'k', Buffer.from('x'), 'text/plain'));
    }
  });

  it('are refused when S3 clearly says no: under SSE-C, or no right', async () => {
    for (const [code, status] of [
      ['InvalidRequest', 400],
      ['AccessDenied', 403],
    ] as const) {
      const { target } = await targetOn(says(error(code), status));
      await assert.rejects(
        target.buckets.getSmall('b', 'k'),
        (thrown) => thrown instanceof ObjectRefused && thrown.s3Code === code,
      );
    }
  });

  it('are never taken when they are large: the connection is closed', async () => {
    const ended = Promise.withResolvers<unknown>();
    const { target } = await targetOn((_seen, response) => {
      response.on('close', () => ended.resolve('closed'));
      response.writeHead(200, { 'content-length': 2 ** 40 }).write(Buffer.alloc(1_000));
    });
    await assert.rejects(target.buckets.getSmall('b', 'k'), ObjectRefused);
    assert.equal(await ended.promise, 'closed');
    const limit = Buffer.alloc(64 * 1024, 1);
    const { target: fitting } = await targetOn((_seen, response) => response.writeHead(200).end(limit));
    await unavailable(fitting.buckets.getSmall('b', 'k'));
    const { target: exact } = await targetOn((_seen, response) =>
      response.writeHead(200, { 'content-length': limit.length }).end(limit),
    );
    assert.deepEqual(Buffer.from((await exact.buckets.getSmall('b', 'k')) ?? 'none'), limit);
  });

  it('are sent with a checksum, and are small', async () => {
    const { target, seen } = await targetOn((_seen, response) => response.writeHead(200).end());
    await target.buckets.putSmall('b', 'k', Buffer.from('abc'), 'text/plain');
    assert.equal(seen[0]?.headers['x-amz-checksum-sha256'], 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=');
    await assert.rejects(target.buckets.putSmall('b', 'k', Buffer.alloc(65_537), 'text/plain'), RangeError);
    assert.equal(seen.length, 1);
  });
});

describe('tags', () => {
  const OBJECT = { bucket: 'b', objectKey: 'k', versionId: 'v1' };

  it('are of this version', async () => {
    const { target, seen } = await targetOn(
      says('<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>'),
    );
    assert.deepEqual(await target.tags.get(OBJECT), { a: '1' });
    assert.equal(await target.tags.put(OBJECT, { b: '2' }), true);
    for (const { line } of seen) assert.match(line, /\/b\/k\?.*versionId=v1/);
  });

  it('are of nothing when the object or its version is not there, and unknown otherwise', async () => {
    for (const code of ['NoSuchKey', 'NoSuchVersion']) {
      const { target } = await targetOn(says(error(code), 404));
      assert.equal(await target.tags.get(OBJECT), undefined);
      assert.equal(await target.tags.put(OBJECT, {}), false);
    }
    for (const [code, status] of [
      ['NoSuchBucket', 404],
      ['AccessDenied', 403],
    ] as const) {
      const { target } = await targetOn(says(error(code), status));
      await unavailable(target.tags.get(OBJECT));
      await unavailable(target.tags.put(OBJECT, {}));
    }
  });
});
