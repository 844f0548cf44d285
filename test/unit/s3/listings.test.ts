import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  store,
  xml,
  status,
  error,
  versions,
  version,
  listing,
  unavailable,
} from './answering.ts';

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
