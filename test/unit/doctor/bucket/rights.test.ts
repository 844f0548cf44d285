import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { examined } from '../stub-examination.ts';

describe('a missing right', () => {
  for (const versioning of [false, true]) {
    const advice = versioning ? [] : ['bucket.versioning: note'];
    for (const [fault, check, action] of [
      ['denies list', 'right.list', 's3:ListBucket'],
      ['denies versions', 'right.versions', 's3:ListBucketVersions'],
      ['denies uploads', 'right.multiparts', 's3:ListBucketMultipartUploads'],
      ['denies tagging', 'right.tags', 's3:GetObjectTagging'],
      ['denies put', 'right.put', 's3:PutObject'],
      ['denies get', 'right.get', 's3:GetObject'],
    ] as const) {
      it(`${fault}, ${versioning ? 'versioned' : 'unversioned'}: ${check}, and nothing is left`, async () => {
        const { notOk, found, left } = await examined({ fault, versioning });
        assert.deepEqual(notOk, [...advice, `${check}: off`]);
        assert.match(found(check).remedy ?? '', new RegExp(`grant ${action} on arn:aws:s3:::acme-uploads`));
        assert.ok((found(check).off ?? []).length > 0);
        assert.deepEqual(left, []);
      });
    }
  }

  it('to delete: no canary is made', async () => {
    const { notOk, found, left } = await examined({ fault: 'denies delete' });
    assert.deepEqual(notOk, ['right.delete: off', 'right.abort: note', 'canaries: note']);
    assert.match(found('right.delete').remedy ?? '', /s3:DeleteObjectVersion/);
    assert.deepEqual(left, []);
  });
});

describe('the right to abort multipart uploads', () => {
  it('is only advice, for most objects have none', async () => {
    const { notOk, found, left } = await examined({ fault: 'denies aborting' });
    assert.deepEqual(notOk, ['right.abort: note']);
    assert.match(found('right.abort').remedy ?? '', /grant s3:AbortMultipartUpload on/);
    assert.deepEqual(left, []);
  });
});

describe('a server without versions', () => {
  it('is asked for its objects, and is right', async () => {
    const { notOk, left } = await examined({ fault: 'has no versions', versioning: false });
    assert.deepEqual(notOk, ['bucket.versioning: note']);
    assert.deepEqual(left, []);
  });
});
