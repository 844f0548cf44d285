import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { recoveryTags } from '../../../src/custody/recovery-copy.ts';
import type { Upload } from '../../../src/uploads/upload.ts';
import { ObjectRefused } from '../../../src/s3/errors.ts';
import { adoptObject } from '../../../src/uploads/adopt.ts';
import { adoptedId } from '../../../src/uploads/slot-ids.ts';
import { renewCopy } from '../../../src/uploads/recovery.ts';
import { placeOf } from '../../../src/uploads/services.ts';
import { DEFAULTS } from '../../../src/config/defaults.ts';
import { FakeObjectStore } from '../../support/fake-s3.ts';
import {
  addVersion,
  arrive,
  codesOf,
  complete,
  create,
  kek,
  keysOf,
  recover,
  stored,
  uploaded,
  world,
} from './recover-world.ts';
import { buriedAt } from '../../contract/store-rows.ts';

const WEEK = 604_800_000;
const at = ({ bucket, objectKey }: Pick<Upload, 'bucket' | 'objectKey'>) => `${bucket}/${objectKey}`;

describe('recovering a lost store', () => {
  for (const versioned of [false, true]) {
    it(`gives the slot back as S3 shows it, ${versioned ? 'with' : 'without'} versions`, async () => {
      const s3 = new FakeObjectStore();
      s3.versioned = versioned;
      await using before = await world(s3);
      const lost = await uploaded(before);
      const key = await before.h.customerKey('acme', lost.id);
      await using after = await world(s3);
      const outcomes = await recover(after.h.services);
      const outcome = { kind: 'recovered', tenant: 'acme', id: lost.id, notes: [], refused: [] };
      assert.deepEqual([...outcomes], [[at(lost), outcome]]);
      const found = await stored(after, lost.id);
      assert.deepEqual(found, {
        ...lost,
        principal: 'recovered',
        expiresInSeconds: 0,
        createdAt: Number.parseInt(lost.id.replaceAll('-', '').slice(0, 12), 16),
        expiresAt: before.h.clock.now,
        urlEndsAt: after.h.clock.now + WEEK,
        uploadedAt: before.h.clock.now,
      });
      assert.ok((await after.h.customerKey('acme', lost.id)).equals(key));
      const [copy] = await after.h.store.keys.all(lost.id);
      assert.deepEqual(copy?.copy, { wrapperId: 'local', kekId: 'kek-1', isStale: false });
    });
  }

  it('run again it asks S3 for nothing and changes nothing; a slot that is there stays as it is', async () => {
    const s3 = new FakeObjectStore();
    await using w = await world(s3);
    const first = await uploaded(w);
    const second = await uploaded(w);
    await using after = await world(s3);
    await recover(after.h.services);
    await after.h.store.uploads.update(first.id, ['uploaded'], { state: 'deleting' });
    const asked = (s3.calls.get('getTags') ?? 0) + (s3.calls.get('head') ?? 0);
    const outcomes = await recover(after.h.services);
    for (const { id, ...slot } of [first, second]) {
      assert.deepEqual(outcomes.get(at(slot)), { kind: 'already', tenant: 'acme', id });
    }
    assert.equal((s3.calls.get('getTags') ?? 0) + (s3.calls.get('head') ?? 0), asked);
    assert.equal((await stored(after, first.id)).state, 'deleting');
  });

  it('a dry run says the same and stores nothing, with a hierarchy too', async () => {
    const s3 = new FakeObjectStore();
    const custody = { hierarchy: DEFAULTS.hierarchy, recovery: { target: 'main', bucket: 'copies' } };
    await using before = await world(s3, { custody });
    const lost = await uploaded(before);
    await using after = await world(s3, { custody });
    const { rehearse } = await import('./recover-rehearsal.ts');
    const outcomes = await recover(rehearse(after.h.services), { dryRun: true });
    assert.deepEqual(
      [...outcomes.values()].map(({ kind }) => kind),
      ['recovered', 'recovered'],
    );
    assert.equal(await after.h.store.uploads.get('acme', lost.id), undefined);
    assert.deepEqual(await after.h.store.intermediates.list(), []);

    assert.deepEqual([...(await recover(after.h.services)).keys()], [...outcomes.keys()]);
    assert.ok(
      (await after.h.customerKey('acme', lost.id)).equals(await before.h.customerKey('acme', lost.id)),
    );
  });

  it('the newest version is the slot’s, older ones are superseded generations; the newest of a generation counts', async () => {
    const s3 = new FakeObjectStore();
    s3.versioned = true;
    await using before = await world(s3);
    const lost = await uploaded(before);
    const [one] = await keysOf(before.h.store, lost.id);
    const older = await addVersion(before, lost, 2);
    const newer = await addVersion(before, lost, 2);
    const three = await addVersion(before, lost, 3);
    await using after = await world(s3);
    await recover(after.h.services);
    const { generation, versionId, nextGeneration } = await stored(after, lost.id);
    assert.deepEqual(
      { generation, versionId, nextGeneration },
      { generation: 3, versionId: three.versionId, nextGeneration: null },
    );
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    const form = (made: typeof three, number: number, version: string | null) => ({
      generation: number,
      versionId: version,
      wrapped: { ...made.wrapped, bytes: hex(made.wrapped.bytes) },
    });
    assert.deepEqual(await keysOf(after.h.store, lost.id), [
      { ...one, versionId: lost.versionId },
      form(newer, 2, newer.versionId),
      form(three, 3, null),
    ]);
    assert.notEqual(older.versionId, newer.versionId);
    assert.ok((await after.h.customerKey('acme', lost.id)).equals(three.key));
  });

  it('the highest generation is the slot’s, not an older one that somebody has laid on top; that is said', async () => {
    const s3 = new FakeObjectStore();
    s3.versioned = true;
    await using before = await world(s3);
    const lost = await uploaded(before);
    const three = await addVersion(before, lost, 3);
    const top = await addVersion(before, lost, 2);
    await using after = await world(s3);
    const outcome = (await recover(after.h.services)).get(at(lost));
    assert.deepEqual(outcome?.kind === 'recovered' && outcome.notes, ['older_generation_on_top']);
    const { generation, versionId } = await stored(after, lost.id);
    assert.deepEqual({ generation, versionId }, { generation: 3, versionId: three.versionId });
    assert.ok((await after.h.customerKey('acme', lost.id)).equals(three.key));
    assert.deepEqual(
      (await keysOf(after.h.store, lost.id)).map((key) => [key.generation, key.versionId]),
      [
        [1, lost.versionId],
        [2, top.versionId],
        [3, null],
      ],
    );
  });

  it('behind a delete marker it is recovered, and said; a version of somebody else on top is not taken', async () => {
    const s3 = new FakeObjectStore();
    s3.versioned = true;
    await using before = await world(s3);
    const marked = await uploaded(before);
    s3.shelf.addDeleteMarker(marked.objectKey);
    const covered = await uploaded(before);
    s3.put(covered.objectKey, CustomerKey.generate(), { size: 1 }, { bucket: covered.bucket });
    await using after = await world(s3);
    const outcomes = await recover(after.h.services);
    const first = outcomes.get(at(marked));
    assert.deepEqual(first?.kind === 'recovered' && first.notes, ['behind_delete_marker']);
    assert.equal((await stored(after, marked.id)).versionId, marked.versionId);
    assert.deepEqual(codesOf(outcomes.get(at(covered))), ['no_copy']);
    assert.equal((await stored(after, covered.id)).versionId, covered.versionId);
  });

  for (const added of [
    { contentEncoding: 'gzip' },
    { contentDisposition: 'inline' },
    { contentLanguage: 'de' },
    { cacheControl: 'public' },
    { expires: 'Wed, 21 Oct 2099 07:28:00 GMT' },
    { websiteRedirect: 'https://elsewhere.example/' },
  ]) {
    it(`${Object.keys(added).join()} that its uploader added makes it rejected`, async () => {
      const s3 = new FakeObjectStore();
      await using before = await world(s3);
      const spoilt = await uploaded(before, added);
      await using after = await world(s3);
      await recover(after.h.services);
      assert.equal((await stored(after, spoilt.id)).state, 'rejected');
    });
  }

  it('what its uploader added makes it rejected; an imported object is taken as it is', async () => {
    const s3 = new FakeObjectStore();
    await using before = await world(s3);
    const spoilt = await uploaded(before, { contentEncoding: 'gzip' });
    assert.equal(spoilt.state, 'rejected');
    const key = CustomerKey.generate();
    s3.put(
      'old/ü.pdf',
      key,
      { size: 3, contentEncoding: 'gzip', tagCount: 0 },
      { bucket: 'uploads', modifiedAt: 7_000 },
    );
    const adopted = await adoptObject(before.h.services, 'acme', {
      bucket: 'uploads',
      objectKey: 'old/ü.pdf',
      key,
    });
    const id = 'id' in adopted ? adopted.id : '';
    const [placed] = await before.h.store.keys.page({ copies: 'missing', limit: 10 });
    assert.ok(placed);
    assert.equal(await renewCopy(before.h.services, placed), 'renewed');

    await using after = await world(s3);
    const outcome = (await recover(after.h.services)).get(at(spoilt));
    assert.deepEqual(outcome?.kind === 'recovered' && outcome.notes, ['rejected']);
    assert.equal((await stored(after, spoilt.id)).state, 'rejected');
    const found = await stored(after, id);
    assert.deepEqual(
      { state: found.state, filename: found.filename, createdAt: found.createdAt },
      { state: 'uploaded', filename: 'ü.pdf', createdAt: 7_000 },
    );
  });

  it('only the tenant asked for, where tenants share a bucket', async () => {
    const s3 = new FakeObjectStore();
    await using before = await world(s3);
    const own = await uploaded(before);
    const token = await before.h.token('initech');
    const others = await create(before, undefined, token);
    await arrive(before, others, {}, 'initech');
    await using after = await world(s3);
    const outcomes = await recover(after.h.services, { only: 'acme' });
    assert.equal(outcomes.get(at(own))?.kind, 'recovered');
    assert.equal(outcomes.get(`uploads/${String(others.objectKey)}`)?.kind, 'passed_over');
    assert.equal(await after.h.store.uploads.get('initech', others.id as string), undefined);
    await recover(after.h.services);
    assert.equal((await stored(after, others.id as string, 'initech')).state, 'uploaded');
  });
});

describe('what recovery refuses', () => {
  it('anything but a copy that opens in its place and that S3 confirms', async () => {
    const s3 = new FakeObjectStore();
    await using before = await world(s3);
    const lost = await uploaded(before);
    const [good] = s3.versionsOf(lost.objectKey);
    const key = await before.h.customerKey('acme', lost.id);
    assert.ok(good);
    const { tags } = good;
    const wrapped = await kek().wrap(key, placeOf(lost, 1));
    const elsewhere = (change: Partial<Upload>) => recoveryTags(placeOf({ ...lost, ...change }, 1), wrapped);
    const id = lost.id.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    const put = (
      objectKey: string,
      over: { tags?: Record<string, string>; key?: CustomerKey; facts?: object },
    ) =>
      s3.put(
        objectKey,
        over.key ?? key,
        { size: 5, contentType: 'application/pdf', ...over.facts },
        { bucket: 'uploads', tags: over.tags ?? tags },
      );
    put(`1/${lost.id}`, { tags: {} });
    put(`2/${lost.id}`, { tags: { 'sealslot-place': tags['sealslot-place'] ?? '' } });
    put(`3/${lost.id}`, { tags: elsewhere({ tenant: 'globex' }) });
    put(`4/${lost.id}`, { tags: elsewhere({ id }) });
    put('5/without', {});
    put(`6/${lost.id}`, {});
    put(`7/${lost.id}`, {
      tags: recoveryTags(
        placeOf(lost, 1),
        await kek().wrap(key, placeOf({ ...lost, objectKey: `7/${lost.id}` }, 1)),
      ),
      key: CustomerKey.generate(),
    });
    put(`8/${lost.id}`, {
      tags: recoveryTags(
        placeOf(lost, 1),
        await kek().wrap(key, placeOf({ ...lost, objectKey: `8/${lost.id}` }, 1)),
      ),
      facts: { sseCustomerAlgorithm: null },
    });
    put(`9/${lost.id}`, {
      tags: recoveryTags(
        placeOf(lost, 1),
        await kek('kek-2').wrap(key, placeOf({ ...lost, objectKey: `9/${lost.id}` }, 1)),
      ),
    });
    s3.shelf.remove('uploads', lost.objectKey, [{ versionId: null }]);

    await using after = await world(s3, { keks: kek('kek-1', ['kek-1']) });
    const outcomes = await recover(after.h.services);
    assert.deepEqual(
      [...outcomes]
        .map(([name, outcome]) => [name.slice('uploads/'.length, 'uploads/'.length + 1), ...codesOf(outcome)])
        .toSorted(),
      [
        ['1', 'no_copy'],
        ['2', 'bad_copy'],
        ['3', 'not_configured'],
        ['4', 'misplaced'],
        ['5', 'misplaced'],
        ['6', 'not_authentic'],
        ['7', 'wrong_key'],
        ['8', 'not_sse_c'],
        ['9', 'kek_refused'],
      ],
    );
    assert.deepEqual(await after.h.store.keys.page({ limit: 10 }), []);
  });

  it('an object whose newest version needs a KEK that is not held: it has to wait, older versions are not taken for it', async () => {
    const s3 = new FakeObjectStore();
    s3.versioned = true;
    await using before = await world(s3);
    const lost = await uploaded(before);
    const newest = await addVersion(before, lost, 2, kek('kek-2'));
    await using after = await world(s3, { keks: kek('kek-1', ['kek-1']) });
    assert.deepEqual(codesOf((await recover(after.h.services)).get(at(lost))), ['kek_refused']);
    assert.equal(await after.h.store.uploads.get('acme', lost.id), undefined);
    const { services } = after.h;
    await recover({ ...services, wrapper: kek(), keks: kek() });
    assert.equal((await stored(after, lost.id)).versionId, newest.versionId);
  });

  it('what does not answer is left for later: nothing is stored, and a second run recovers it', async () => {
    const s3 = new FakeObjectStore();
    s3.versioned = true;
    await using before = await world(s3);
    const lost = await uploaded(before);
    await addVersion(before, lost, 2);
    await using after = await world(s3);
    s3.headAnswer = { kind: 'unknown', status: 503, code: 'SlowDown' };
    assert.deepEqual(codesOf((await recover(after.h.services)).get(at(lost))), ['unavailable']);
    assert.equal(await after.h.store.uploads.get('acme', lost.id), undefined);
    s3.headAnswer = undefined;
    s3.listingFails = true;
    assert.deepEqual(codesOf((await recover(after.h.services)).get('copies/*')), ['unavailable']);
    s3.listingFails = false;
    assert.equal((await recover(after.h.services)).get(at(lost))?.kind, 'recovered');
  });

  it('gives up when 20 in a row meet nothing, and finishes what is in hand when stopped', async () => {
    const s3 = new FakeObjectStore();
    await using before = await world(s3);
    for (let n = 0; n < 60; n += 1) s3.put(`x/${n}`, CustomerKey.generate(), {}, { bucket: 'uploads' });
    s3.before = ({ name }) => {
      if (name === 'getTags') s3.failAt('getTags', 1);
    };
    const stop = new AbortController();
    const outcomes = await recover(before.h.services, { stop });
    assert.ok(stop.signal.aborted);
    assert.ok(outcomes.size >= 20 && outcomes.size < 60, String(outcomes.size));
  });
});

describe('intermediate keys in the recovery bucket', () => {
  const custody = { hierarchy: DEFAULTS.hierarchy, recovery: { target: 'main', bucket: 'copies' } };

  it('come back first; one whose place was taken meanwhile becomes a further version with a copy of its own', async () => {
    const s3 = new FakeObjectStore();
    await using before = await world(s3, { custody });
    const lost = await uploaded(before);
    const key = await before.h.customerKey('acme', lost.id);
    // A service that went on with an empty store before anybody recovered the lost one.
    await using after = await world(s3, { custody });
    const fresh = await create(after);
    const [made] = await after.h.store.intermediates.list({ tenant: 'acme' });
    assert.equal(made?.version, 1);
    const outcomes = await recover(after.h.services);
    assert.equal(outcomes.get(at(lost))?.kind, 'recovered');
    assert.ok((await after.h.customerKey('acme', lost.id)).equals(key));
    assert.ok(await after.h.customerKey('acme', fresh.id as string));
    const versions = (await after.h.store.intermediates.list({ tenant: 'acme' })).map(({ version, copy }) => [
      version,
      copy?.isStale,
    ]);
    assert.deepEqual(versions.toSorted(), [
      [1, false],
      [2, false],
    ]);

    await using third = await world(s3, { custody });
    await recover(third.h.services);
    assert.ok((await third.h.customerKey('acme', lost.id)).equals(key));
  });

  it('are refused when they are not as written, not of a tenant here, or do not open; nothing destroyed comes back', async () => {
    const s3 = new FakeObjectStore();
    await using before = await world(s3, { custody });
    await uploaded(before);
    const [small] = [...s3.small];
    assert.ok(small);
    const [name, bytes] = small;
    s3.small.set('copies/intermediate/acme/2026-11-23/7-x.json', bytes);
    s3.small.set('copies/intermediate/acme/junk.json', Buffer.from('junk'));
    const text = Buffer.from(bytes).toString();
    const forged = text.replace('"acme"', '"globex"');
    s3.small.set(name.replace('/acme/', '/globex/'), Buffer.from(forged));
    const strange = text.replace('"acme"', '"umbrella"');
    s3.small.set(name.replace('/acme/', '/umbrella/'), Buffer.from(strange));
    await using after = await world(s3, { custody });
    const outcomes = await recover(after.h.services);
    const code = (key: string) => codesOf(outcomes.get(key))[0];
    assert.equal(outcomes.get(name)?.kind, 'recovered');
    assert.equal(code('copies/intermediate/acme/2026-11-23/7-x.json'), 'bad_copy');
    assert.equal(code('copies/intermediate/acme/junk.json'), 'bad_copy');
    assert.equal(code(name.replace('/acme/', '/globex/')), 'not_authentic');
    assert.equal(code(name.replace('/acme/', '/umbrella/')), 'not_configured');

    await using shredded = await world(s3, { custody });
    await recover(shredded.h.services, { only: 'acme' });
    const [key] = await shredded.h.store.intermediates.list({ tenant: 'acme' });
    assert.ok(key);
    for (const { upload } of await shredded.h.store.keys.page({ limit: 10 })) {
      await shredded.h.store.uploads.update(upload.id, ['uploaded'], { state: 'deleting' });
      await shredded.h.store.uploads.bury(upload.id, { urlEndsAt: upload.urlEndsAt }, buriedAt(1));
    }
    assert.equal(await shredded.h.store.intermediates.destroy(key.id, 1), true);
    assert.equal((await recover(shredded.h.services)).get(name)?.kind, 'already');
    assert.equal(await shredded.h.store.intermediates.get(key.id), undefined);
  });
});

describe('what somebody else does meanwhile', () => {
  const custody = { hierarchy: DEFAULTS.hierarchy, recovery: { target: 'main', bucket: 'copies' } };

  it('an intermediate key that is shredded: the object is refused, not recovered under it', async () => {
    const s3 = new FakeObjectStore();
    await using before = await world(s3, { custody });
    const lost = await uploaded(before);
    await using after = await world(s3, { custody });
    const { intermediates } = after.h.store;
    s3.after = async ({ name }) => {
      if (name !== 'head') return;
      for (const { id } of await intermediates.list()) assert.ok(await intermediates.destroy(id, 1));
    };
    assert.deepEqual(codesOf((await recover(after.h.services)).get(at(lost))), ['kek_refused']);
    assert.equal(await after.h.store.uploads.get('acme', lost.id), undefined);
  });

  it('a slot of a tenant that is not configured any more keeps its object', async () => {
    const s3 = new FakeObjectStore();
    await using before = await world(s3);
    const lost = await uploaded(before);
    await using after = await world(s3);
    const id = adoptedId(lost.bucket, lost.objectKey);
    const other = { ...lost, id, tenant: 'left' };
    const [key] = await before.h.store.keys.all(lost.id);
    assert.ok(key && (await after.h.store.keys.restore(other, [key], [])));
    assert.deepEqual(codesOf((await recover(after.h.services)).get(at(lost))), ['other_upload']);
    assert.equal(await after.h.store.uploads.get('acme', lost.id), undefined);
  });
});

describe('planted in the recovery bucket', () => {
  const custody = { hierarchy: DEFAULTS.hierarchy, recovery: { target: 'main', bucket: 'copies' } };

  it('what S3 does not hand out is refused, and all else is recovered', async () => {
    const s3 = new FakeObjectStore();
    await using before = await world(s3, { custody });
    const lost = await uploaded(before);
    s3.small.set('copies/intermediate/zzz', Buffer.from('x'));
    s3.before = ({ name, objectKey }) => {
      if (name === 'getSmall' && objectKey.endsWith('zzz')) throw new ObjectRefused(400, 'InvalidRequest');
    };
    await using after = await world(s3, { custody });
    const outcomes = await recover(after.h.services);
    assert.deepEqual(codesOf(outcomes.get('copies/intermediate/zzz')), ['unreadable']);
    assert.equal(outcomes.get(at(lost))?.kind, 'recovered');
  });

  it('what is larger than any copy is not even asked for', async () => {
    const s3 = new FakeObjectStore();
    await using before = await world(s3, { custody });
    const lost = await uploaded(before);
    s3.small.set('copies/intermediate/zzz', Buffer.alloc(16 * 1024 + 1));
    s3.before = ({ name, objectKey }) => {
      if (name === 'getSmall') assert.doesNotMatch(objectKey, /zzz/);
    };
    await using after = await world(s3, { custody });
    const outcomes = await recover(after.h.services);
    assert.deepEqual(codesOf(outcomes.get('copies/intermediate/zzz')), ['bad_copy']);
    assert.equal(outcomes.get(at(lost))?.kind, 'recovered');
  });
});

describe('completing beside recovery', () => {
  it('a recovered slot can be downloaded, not asked for again', async () => {
    const s3 = new FakeObjectStore();
    await using before = await world(s3);
    const lost = await uploaded(before);
    await using after = await world(s3);
    await recover(after.h.services);
    assert.equal((await complete(after, lost)).status, 200);
    const path = `/v1/uploads/${lost.id}`;
    assert.equal((await after.h.call('POST', `${path}/download`, { token: after.token })).status, 200);
    assert.equal((await after.h.call('POST', `${path}/request`, { token: after.token })).status, 403);
  });
});
