import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { examined } from './stub-examination.ts';

describe('tags, where uploads carry recovery copies', () => {
  for (const versioning of [false, true]) {
    const advice = versioning ? [] : ['bucket.versioning: note'];
    const where = versioning ? 'versioned' : 'unversioned';

    it(`are written, read and written anew on a ${where} bucket`, async () => {
      const { notOk, found, left } = await examined({ versioning, tagged: true });
      assert.deepEqual(notOk, advice);
      assert.equal(found('right.tagging').outcome, 'ok');
      assert.deepEqual(left, []);
    });

    for (const [fault, check, rights] of [
      ['denies tagging', 'right.tags', ['s3:GetObjectTagging', 's3:GetObjectVersionTagging']],
      ['denies writing tags', 'tags', ['s3:PutObjectTagging']],
    ] as const) {
      it(`${fault}, ${where}: copies and recovery are off`, async () => {
        const { notOk, found, left } = await examined({ fault, versioning, tagged: true });
        assert.deepEqual(notOk, [...advice, `${check}: off`]);
        for (const right of rights) {
          const isNamed = (found(check).remedy ?? '').includes(right);
          assert.equal(isNamed, versioning || !right.includes('Version'), right);
        }
        assert.ok(found(check).off?.includes('sealslot recover'));
        assert.deepEqual(left, []);
      });
    }
  }

  it('of a version need rights of their own', async () => {
    const { notOk, found, left } = await examined({ fault: 'denies tags of versions', tagged: true });
    assert.deepEqual(notOk, ['right.tagging: off']);
    assert.match(found('right.tagging').found, /is answered 403 AccessDenied/);
    for (const right of ['PutObjectTagging', 'PutObjectVersionTagging', 'GetObjectVersionTagging'])
      assert.ok(found('right.tagging').remedy?.includes(`s3:${right}`), right);
    assert.deepEqual(left, []);
  });

  it('that are not stored would have every upload rejected', async () => {
    const { notOk, found, left } = await examined({ fault: 'forgets tags', tagged: true });
    assert.deepEqual(notOk, ['tags: off']);
    assert.match(found('tags').off?.[0] ?? '', /422/);
    assert.deepEqual(left, []);
  });

  it('that cannot be written anew are named', async () => {
    const { notOk, left } = await examined({ fault: 'forgets new tags', tagged: true });
    assert.deepEqual(notOk, ['right.tagging: off']);
    assert.deepEqual(left, []);
  });
});

describe('tags, without recovery copies', () => {
  it('are only advice when they may not be written, and not written anew', async () => {
    const { notOk, findings } = await examined({ fault: 'denies writing tags' });
    assert.deepEqual(notOk, ['tags: note']);
    assert.ok(!findings.some(({ check }) => check === 'right.tagging'));
  });
});
