import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { targetOf } from '../../../src/uploads/services.ts';
import { readRecoveryTags } from '../../../src/custody/recovery-copy.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import { RekeyFailed } from '../../../src/uploads/rekey/errors.ts';
import { HOUR, LEASE, rekeyWorld, type RekeyWorld } from './rekey-world.ts';

/** What S3 has of the newest version is not what was written. */
function corrupt({ s3, bytes }: RekeyWorld, objectKey: string, call: 'copy' | 'stream'): void {
  s3.after = ({ name }) => {
    const [newest] = s3.versionsOf(objectKey);
    if (name !== call || newest === undefined) return;
    Object.assign(newest, { bytes: Buffer.alloc(bytes.length) });
  };
}

describe('a re-key', () => {
  for (const versioned of [true, false]) {
    const bucket = versioned ? 'a bucket with versions' : 'a plain bucket';

    it(`in ${bucket}: a new key, the same bytes, and the slot says so`, async () => {
      await using world = await rekeyWorld({ versioned });
      const { h, s3, token, id, bytes } = world;
      const before = await world.slot();
      const { status, body } = await world.ask();
      assert.equal(status, 202);
      assert.deepEqual([body.keyGeneration, body.rekeying, body.state], [1, true, 'uploaded']);
      assert.deepEqual(await world.opens(), [1], 'nothing is written before the key is stored');

      assert.equal(await world.work(), 'rekeyed');
      const after = await world.slot();
      assert.deepEqual([after.generation, after.nextGeneration, after.nextCheckAt], [2, null, null]);
      assert.deepEqual(await world.opens(), versioned ? [2, 1] : [2]);
      assert.notEqual(after.etag, before.etag);
      const [written] = s3.versionsOf(after.objectKey);
      assert.ok(written && bytes.equals(written.bytes ?? Buffer.alloc(0)));
      assert.deepEqual(written.facts.metadata, { case: '4711' });
      assert.equal(written.facts.contentType, 'text/plain');
      assert.deepEqual(written.tags, {});
      assert.equal(written.facts.versionId, after.versionId);
      const got = await h.call('GET', `/v1/uploads/${id}`, { token });
      assert.deepEqual([got.body.keyGeneration, got.body.rekeying], [2, undefined]);
      assert.equal((await h.store.keys.all(id)).length, versioned ? 2 : 1, 'a key dies with its version');
    });

    it(`in ${bucket}: asked for again meanwhile it is the same, and another worker has to wait`, async () => {
      await using world = await rekeyWorld({ versioned });
      const { h } = world;
      await world.ask();
      const begun = await world.slot();
      const again = await world.ask();
      assert.deepEqual([again.status, again.body.rekeying], [202, true]);
      assert.equal((await world.slot()).nextGeneration, 2);
      assert.equal(begun.nextCheckAt, h.clock.now + LEASE);
      assert.ok(begun.urlEndsAt >= h.clock.now + HOUR, 'a DELETE waits for what may still be written');
      assert.deepEqual(await h.store.uploads.claimDue(h.clock.now, h.clock.now + 1, 1), []);
    });

    it(`in ${bucket}: a server without such a copy gets it streamed`, async () => {
      await using world = await rekeyWorld({ versioned });
      world.s3.copyUnsupported = true;
      await world.ask();
      assert.equal(await world.work(), 'rekeyed');
      assert.equal(world.s3.calls.get('stream'), 1);
    });

    it('keeps the tags that others gave the object, and renews the copy of its key', async () => {
      for (const recovery of [undefined, { target: 'main', bucket: 'recovery' }]) {
        await using w = await rekeyWorld({ versioned: true, custody: { recovery } });
        const { bucket, objectKey, versionId } = await w.slot();
        const { tags } = targetOf(w.h.services, 'main');
        const before = (await tags.get({ bucket, objectKey, versionId })) ?? {};
        await tags.put({ bucket, objectKey, versionId }, { ...before, scan: 'clean' });
        await w.ask();
        assert.equal(await w.work(), 'rekeyed');
        const after = (await tags.get({ bucket, objectKey, versionId: (await w.slot()).versionId })) ?? {};
        assert.equal(after.scan, 'clean');
        assert.equal(readRecoveryTags(after)?.generation, recovery && 2);
      }
    });

    it(`in ${bucket}: carries a copy of the new wrapped key when copies are kept`, async () => {
      const recovery = { target: 'main', bucket: 'recovery' };
      await using world = await rekeyWorld({ versioned, custody: { recovery } });
      await world.ask();
      assert.equal(await world.work(), 'rekeyed');
      const [written] = world.s3.versionsOf((await world.slot()).objectKey);
      const stored = await world.h.store.keys.get(world.id, 2);
      assert.ok(written && stored?.copy?.isStale === false);
      const copy = readRecoveryTags(written.tags);
      assert.deepEqual([copy?.generation, copy?.slot], [2, world.id]);
      assert.deepEqual(Buffer.from(copy?.wrapped.bytes ?? []), Buffer.from(stored.wrapped.bytes));
    });

    it(`in ${bucket}: a DELETE that comes while S3 copies wins`, async () => {
      await using world = await rekeyWorld({ versioned });
      const { h, s3, token, id } = world;
      await world.ask();
      s3.before = async ({ name }) => {
        if (name === 'copy') {
          s3.before = undefined;
          assert.equal((await h.call('DELETE', `/v1/uploads/${id}`, { token })).status, 202);
        }
      };
      assert.equal(await world.work(), 'gone');
      const { urlEndsAt } = await world.slot();
      h.clock.now = urlEndsAt - 1;
      await h.jobs.runOnce();
      assert.equal((await world.slot()).state, 'deleting');
      assert.equal((await h.store.keys.all(id)).length, 2, 'no key goes while a copy may still land');
      h.clock.now = urlEndsAt + 86_400_000;
      await h.jobs.runOnce();
      assert.equal((await world.slot()).state, 'deleted');
      assert.deepEqual(await h.store.keys.all(id), []);
      assert.deepEqual(await world.opens(), []);
    });

    it(`in ${bucket}: what another's dead worker left in parts is aborted`, async () => {
      await using world = await rekeyWorld({ versioned });
      const { objectKey } = await world.slot();
      world.s3.unfinished.set(objectKey, ['left']);
      await world.ask();
      assert.equal(await world.work(), 'rekeyed');
      assert.deepEqual(world.s3.unfinished.get(objectKey), []);
    });
  }

  it('is for uploaded slots of the tenant and needs its scope', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const { h, token, id } = world;
    const issued = await h.call('POST', '/v1/uploads', { token, body: { contentType: 'a/b', size: 1 } });
    const early = await h.call('POST', `/v1/uploads/${String(issued.body.id)}/rekey`, { token });
    assert.deepEqual([early.status, early.body.code, early.body.state], [409, 'state_conflict', 'issued']);
    const reader = await h.token('acme', ['objects:delete', 'uploads:write'], 'reader');
    assert.equal((await h.call('POST', `/v1/uploads/${id}/rekey`, { token: reader })).status, 403);
    assert.equal((await world.slot()).nextGeneration, null);
  });
});

describe('the proof of a re-key', () => {
  it('a copy that reads back otherwise is removed, and the object streamed', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const { objectKey } = await world.slot();
    await world.ask();
    corrupt(world, objectKey, 'copy');
    assert.equal(await world.work(), 'rekeyed');
    assert.deepEqual(await world.opens(), [2, 1], 'the corrupt version is gone');
    assert.ok(world.bytes.equals(world.s3.versionsOf(objectKey)[0]?.bytes ?? Buffer.alloc(0)));
  });

  it('a stream that does too: the new key is given up and the object stays; the next re-key has a number of its own', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const { objectKey } = await world.slot();
    await world.ask();
    world.s3.copyUnsupported = true;
    corrupt(world, objectKey, 'stream');
    assert.equal(await world.work(), 'given_up');
    const kept = await world.slot();
    assert.deepEqual([kept.generation, kept.nextGeneration, kept.nextCheckAt], [1, null, null]);
    assert.deepEqual(await world.opens(), [1]);
    world.s3.after = undefined;
    assert.equal((await world.ask()).status, 202);
    assert.ok(Number((await world.slot()).nextGeneration) > 2);
    assert.equal(await world.work(), 'rekeyed');
    assert.deepEqual(await world.opens(), [(await world.slot()).generation, 1]);
  });

  it('in a plain bucket both keys are kept until it reads back', async () => {
    await using world = await rekeyWorld({ versioned: false });
    const { objectKey } = await world.slot();
    await world.ask();
    corrupt(world, objectKey, 'copy');
    await assert.rejects(world.work(), RekeyFailed);
    const moved = await world.slot();
    assert.equal(moved.generation, 2);
    assert.ok(moved.nextCheckAt !== null);
    assert.equal((await world.h.store.keys.all(world.id)).length, 2);
    assert.equal((await world.h.store.keys.get(world.id, 1))?.versionId, null);
  });

  it('a plain bucket that has got versions since keeps the key of the version that stays', async () => {
    await using world = await rekeyWorld({ versioned: false });
    world.s3.versioned = true;
    await world.ask();
    assert.equal(await world.work(), 'rekeyed');
    assert.deepEqual(await world.opens(), [2, 1]);
  });

  it('where versions were suspended, the key of an older version is kept while only the new object is listed', async () => {
    await using world = await rekeyWorld({ versioned: true });
    const { h, s3, id } = world;
    await world.ask();
    assert.equal(await world.work(), 'rekeyed');
    const { versionId: first } = (await h.store.keys.all(id))[0] ?? {};
    assert.equal(first, 'version-1');
    s3.versioned = false;
    await world.ask();
    assert.equal(await world.work(), 'rekeyed');
    h.clock.now += HOUR;
    assert.equal((await world.slot()).versionId, null);
    assert.equal((await world.ask()).status, 202);
    assert.equal(await world.work(), 'rekeyed');
    const kept = (await h.store.keys.all(id)).map(({ generation, versionId }) => [generation, versionId]);
    assert.deepEqual(kept, [
      [1, 'version-1'],
      [2, 'version-2'],
      [4, null],
    ]);
  });

  it('in a plain bucket the next re-key waits until no copy of this one can land', async () => {
    await using world = await rekeyWorld({ versioned: false });
    await world.ask();
    await world.work();
    const soon = await world.ask();
    assert.deepEqual([soon.status, soon.body.code], [409, 'state_conflict']);
    assert.ok(Number(soon.headers['retry-after']) <= 3600);
    world.h.clock.now += HOUR;
    assert.equal((await world.ask()).status, 202);
    assert.equal(await world.work(), 'rekeyed');
    assert.deepEqual(await world.opens(), [3]);
  });
});

describe('a re-key and its worker', () => {
  it('an S3 that does not answer: nothing is lost, and a later worker ends it', async () => {
    await using world = await rekeyWorld({ versioned: true });
    await world.ask();
    for (const call of ['head', 'remains', 'copy', 'read'] as const) {
      world.s3.failAt(call, 1);
      await assert.rejects(world.work(), DependencyUnavailable, call);
      assert.ok((await world.opens()).every((generation) => generation !== undefined));
    }
    assert.equal(await world.work(), 'rekeyed');
    assert.deepEqual(await world.opens(), [2, 1], 'nothing was written twice');
  });

  it('a lost answer to the copy: what was written is found', async () => {
    for (const versioned of [true, false]) {
      await using world = await rekeyWorld({ versioned });
      await world.ask();
      world.s3.failAt('copy', 1, 'after');
      await assert.rejects(world.work(), DependencyUnavailable);
      assert.equal(await world.work(), 'rekeyed');
      assert.deepEqual(await world.opens(), versioned ? [2, 1] : [2]);
    }
  });

  it('one that saw an older lease has lost it', async () => {
    await using world = await rekeyWorld({ versioned: true });
    await world.ask();
    const seen = await world.slot();
    world.h.clock.now += LEASE;
    assert.equal(await world.work(), 'rekeyed');
    world.h.jobs.lookAt(seen);
    await world.h.jobs.stop();
    assert.equal((await world.slot()).generation, 2);
    assert.equal(world.s3.calls.get('copy'), 1);
  });
});
