import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Said } from '../../../src/doctor/ask.ts';
import { Canaries } from '../../../src/doctor/canaries.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import type { ObjectRemains, ObjectStore } from '../../../src/s3/port.ts';

const taken = (versionId?: string): Promise<Said> =>
  Promise.resolve({
    status: 200,
    headers: versionId === undefined ? {} : { 'x-amz-version-id': versionId },
    body: '',
    code: '',
  });

/** A bucket that may not be listed, and notes what it is asked to remove. */
function unlistable() {
  const removed: ObjectRemains['versions'][number][] = [];
  const aborted: string[] = [];
  const objects: ObjectStore = {
    head: () => Promise.resolve({ kind: 'absent' }),
    remains: () => Promise.reject(new DependencyUnavailable('s3', undefined)),
    async remove(_bucket, _objectKey, remains) {
      removed.push(...remains.versions);
      aborted.push(...remains.multipartUploadIds);
    },
    skewMs: () => 0,
  };
  return { canaries: new Canaries(objects, 'acme-uploads'), removed, aborted };
}

describe('canaries on a bucket that may not be listed', () => {
  it('are removed by the versions that S3 named', async () => {
    const { canaries, removed } = unlistable();
    const name = canaries.name('a');
    await canaries.put(name, () => taken('v1'));
    await canaries.put(name, () => taken('v2'));
    await canaries.put(canaries.name('b'), () => taken());
    assert.deepEqual(await canaries.remove(), []);
    assert.deepEqual(removed, [{ versionId: 'v1' }, { versionId: 'v2' }, { versionId: 'null' }]);
  });

  it('are told of when the answer to their PUT was lost', async () => {
    const { canaries, removed } = unlistable();
    const lost = canaries.name('lost');
    await assert.rejects(canaries.put(lost, () => Promise.reject(new Error('ECONNRESET'))));
    const busy = canaries.name('busy');
    await canaries.put(busy, () => Promise.resolve({ status: 503, headers: {}, body: '', code: 'SlowDown' }));
    assert.deepEqual(await canaries.remove(), [lost, busy]);
    assert.deepEqual(removed, [{ versionId: 'null' }, { versionId: 'null' }]);
  });

  it('are not told of when their PUT was refused', async () => {
    const { canaries, removed } = unlistable();
    const name = canaries.name('refused');
    await canaries.put(name, () => Promise.resolve({ status: 403, headers: {}, body: '', code: '' }));
    assert.deepEqual(await canaries.remove(), []);
    assert.deepEqual(removed, []);
  });
});

describe('what the service’s own calls make, on a bucket that may not be listed', () => {
  const failing = (status?: number) => () =>
    Promise.reject(new DependencyUnavailable('s3', Object.assign(new Error('no'), { status, code: 'No' })));

  it('is removed by the ids that S3 named, unfinished uploads too', async () => {
    const { canaries, removed, aborted } = unlistable();
    const name = canaries.name('a');
    await canaries.make(name, () => Promise.resolve({ uploadId: 'u1' }));
    await canaries.make(name, () => Promise.resolve({ versionId: 'v1' }));
    await canaries.make(name, () => Promise.resolve({ versionId: null }));
    assert.deepEqual(await canaries.remove(), []);
    assert.deepEqual(removed, [{ versionId: 'v1' }, { versionId: 'null' }]);
    assert.deepEqual(aborted, ['u1']);
  });

  it('is told of when the answer was lost, and not when the call was refused', async () => {
    const { canaries } = unlistable();
    const [lost, busy, refused] = [canaries.name('lost'), canaries.name('busy'), canaries.name('refused')];
    await assert.rejects(canaries.make(lost, failing()));
    await assert.rejects(canaries.make(busy, failing(503)));
    await assert.rejects(canaries.make(refused, failing(403)));
    assert.deepEqual(await canaries.remove(), [lost, busy]);
  });
});

describe('canaries', () => {
  it('have names of their own below one prefix', () => {
    const { canaries } = unlistable();
    const names = new Set(['a', 'a', 'b'].map((what) => canaries.name(what)));
    assert.equal(names.size, 3);
    for (const name of names) assert.match(name, /^\.sealslot-doctor\/[0-9a-f-]{36}\/[ab]$/);
  });

  it('that could not be removed are told of', async () => {
    const gone: ObjectRemains = { versions: [], multipartUploadIds: [] };
    const stays: ObjectRemains = { ...gone, versions: [{ versionId: 'v1' }] };
    const objects: ObjectStore = {
      head: () => Promise.resolve({ kind: 'absent' }),
      remains: (_bucket, objectKey) => Promise.resolve(objectKey.endsWith('/stays') ? stays : gone),
      remove: () => Promise.resolve(),
      skewMs: () => 0,
    };
    const canaries = new Canaries(objects, 'acme-uploads');
    const [, left] = [canaries.name('goes'), canaries.name('stays')];
    assert.deepEqual(await canaries.remove(), [left]);
  });

  it('are only put under names that were given out', async () => {
    const { canaries } = unlistable();
    await assert.rejects(
      canaries.put('somebody/else', () => taken()),
      /not the name of a canary/,
    );
  });
});
