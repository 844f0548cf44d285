import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { DependencyUnavailable } from '../../../src/errors.ts';
import type { HeadResult, ObjectFacts } from '../../../src/s3/port.ts';
import { adoptObject, type Adoption } from '../../../src/uploads/adopt.ts';
import { FakeObjectStore } from '../../support/fake-s3.ts';

import { OBJECT_KEY, FACTS, type World, world, adoptedId, slots } from './adopt-world.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('adopting an object', () => {
  it('proven, wrapped in its place, committed as an uploaded slot', async () => {
    await using w = await world();
    const id = await adoptedId(w);
    const now = w.h.clock.now;
    assert.deepEqual(await w.h.store.uploads.get('acme', id), {
      id,
      tenant: 'acme',
      principal: 'import',
      state: 'uploaded',
      target: 'main',
      bucket: 'old',
      objectKey: OBJECT_KEY,
      filename: 'ü (1).pdf',
      contentType: 'application/pdf',
      size: 5,
      sha256: null,
      crc32c: null,
      crc64nvme: null,
      method: 'PUT',
      partSize: null,
      multipartUploadId: null,
      metadata: {},
      expiresInSeconds: 0,
      createdAt: now,
      expiresAt: now,
      urlEndsAt: now,
      uploadedAt: now,
      etag: '"etag"',
      versionId: 'v1',
      mismatches: null,
      generation: 1,
      nextGeneration: null,
      deletingAt: null,
      deletedAt: null,
      forgottenAt: null,
      nextCheckAt: null,
    });
    assert.ok((await w.h.customerKey('acme', id)).equals(w.key));
  });

  it('takes what S3 says of the object, and a name only where there is one', async () => {
    await using w = await world();
    const sha256 = createHash('sha256').update('x').digest('base64');
    w.s3.put('folder/', w.key, { sha256, metadata: { 'Odd-Näme': ' ü "x" ', empty: '' } });
    const slot = await w.h.store.uploads.get('acme', await adoptedId(w, 'folder/'));
    assert.equal(slot?.filename, null);
    assert.equal(slot.contentType, 'application/octet-stream');
    assert.equal(slot.sha256, sha256);
    assert.deepEqual(slot.metadata, { 'Odd-Näme': ' ü "x" ', empty: '' });
  });

  it('the id is a UUIDv7 of time 0 that follows from bucket and object key', async () => {
    await using w = await world();
    const id = await adoptedId(w);
    // A fixed one: with other ids, what was adopted would be adopted again.
    assert.equal(id, '00000000-0000-792f-b205-1db40bf5c51e');
    assert.match(id, UUID_V7);
    const token = await w.h.token();
    await w.h.call('POST', '/v1/uploads', { token, body: { contentType: 'text/plain', size: 1 } });
    assert.equal((await slots(w)).at(-1)?.id, id, 'lists show it as the oldest');
    const ids = new Set([id]);
    for (const objectKey of ['a', 'b', 'a/b', 'old']) {
      w.s3.put(objectKey, w.key, FACTS);
      ids.add(await adoptedId(w, objectKey));
    }
    for (const bucket of ['older', 'ol']) {
      const adoption = await adoptObject(w.h.services, 'acme', { bucket, objectKey: 'a', key: w.key });
      ids.add('id' in adoption ? adoption.id : '');
    }
    assert.equal(ids.size, 7);
    for (const each of ids) assert.match(each, UUID_V7);
  });

  it('again, and twice at once, adopts nothing twice', async () => {
    await using w = await world();
    const kinds = (await Promise.all(Array.from({ length: 8 }, () => w.adopt()))).map(({ kind }) => kind);
    assert.deepEqual(kinds.toSorted(), ['adopted', ...Array.from({ length: 7 }, () => 'already')]);
    w.s3.dead = true;
    assert.equal((await w.adopt()).kind, 'already', 'S3 is not asked again');
    assert.equal((await slots(w)).length, 1);
  });
});

describe('what is not adopted', () => {
  const refused = async (w: World, answers: { keyed: HeadResult; plain?: HeadResult }): Promise<Adoption> => {
    w.s3.head = async (_bucket, _objectKey, key) =>
      key === undefined ? (answers.plain ?? answers.keyed) : answers.keyed;
    const adoption = await w.adopt();
    assert.deepEqual(await slots(w), []);
    return adoption;
  };
  const unknown = (status: number): HeadResult => ({ kind: 'unknown', status, code: 'X' });
  const found = (changes: Partial<ObjectFacts> = {}): HeadResult => {
    const s3 = new FakeObjectStore();
    const key = CustomerKey.generate();
    s3.put('x', key, { ...FACTS, ...changes });
    return { kind: 'found', object: s3.objects.get('x')!.facts };
  };
  const plain = { sseCustomerAlgorithm: null, sseCustomerKeyMd5: null };

  it('a missing object is absent', async () => {
    await using w = await world();
    assert.equal((await refused(w, { keyed: { kind: 'absent' } })).kind, 'absent');
  });

  it('a key that S3 refuses is a wrong key, or a missing right', async () => {
    await using w = await world();
    for (const status of [400, 403]) {
      const adoption = await refused(w, { keyed: unknown(status), plain: unknown(400) });
      assert.equal(adoption.kind, 'wrong_key');
      assert.match('detail' in adoption ? adoption.detail : '', new RegExp(`${status}.*may not read`));
      // A server that tells of an SSE-C object without its key has still refused this one.
      assert.equal((await refused(w, { keyed: unknown(status), plain: found() })).kind, 'wrong_key');
    }
  });

  it('an object that S3 shows without a key, or with any key, is not under SSE-C', async () => {
    await using w = await world();
    assert.equal((await refused(w, { keyed: unknown(400), plain: found(plain) })).kind, 'not_sse_c');
    assert.equal((await refused(w, { keyed: found(plain) })).kind, 'not_sse_c');
    assert.equal((await refused(w, { keyed: found() })).kind, 'not_sse_c', 'the MD5 of another key');
    const ours = { sseCustomerKeyMd5: w.key.md5() };
    assert.equal(
      (await refused(w, { keyed: found({ ...ours, sseCustomerAlgorithm: 'aws:kms' }) })).kind,
      'not_sse_c',
    );
  });

  it('no clear answer decides nothing', async () => {
    await using w = await world();
    for (const status of [200, 301, 429, 500, 503]) {
      await assert.rejects(refused(w, { keyed: unknown(status) }), DependencyUnavailable);
    }
    w.s3.dead = true;
    await assert.rejects(w.adopt('another'), DependencyUnavailable);
    assert.deepEqual(await slots(w), []);
  });
});

describe('an object that S3 does not list under its object key', () => {
  it('is not adopted under another name, by which its absence would be proven while it is there', async () => {
    await using w = await world();
    for (const alias of [`/${OBJECT_KEY}`, `//${OBJECT_KEY}`, OBJECT_KEY.replace('/', '//')]) {
      const adoption = await w.adopt(alias);
      assert.equal(adoption.kind, 'not_listed', alias);
      assert.match('detail' in adoption ? adoption.detail : '', /under another name, or not at all/);
    }
    assert.deepEqual(await slots(w), []);
    await adoptedId(w);
  });

  it('nor when another version is listed than the one that HEAD found', async () => {
    await using w = await world();
    const listed = (...versionIds: (string | null)[]) => {
      const versions = versionIds.map((versionId) => ({ versionId }));
      w.s3.remains = async () => ({ versions, multipartUploadIds: ['unfinished'] });
    };
    for (const others of [[], ['v2'], [null], ['v0', 'v2']]) {
      listed(...others);
      assert.equal((await w.adopt()).kind, 'not_listed', JSON.stringify(others));
    }
    listed('v2', 'v1');
    assert.equal((await w.adopt()).kind, 'adopted');
    w.s3.put('plain', w.key, { ...FACTS, versionId: null });
    listed('null');
    assert.equal((await w.adopt('plain')).kind, 'adopted', 'S3 named no version');
  });

  it('a listing that fails decides nothing', async () => {
    await using w = await world();
    w.s3.listingFails = true;
    await assert.rejects(w.adopt(), DependencyUnavailable);
    assert.deepEqual(await slots(w), []);
  });
});

describe('an adopted slot in the API', () => {
  it('is shown, completed, downloaded, given no request, and deleted with its key', async () => {
    await using w = await world();
    w.s3.put('odd', w.key, { ...FACTS, contentType: 'x; "ü', metadata: { 'Odd-Näme': '\x01 ü', '': '' } });
    const id = await adoptedId(w, 'odd');
    const token = await w.h.token();
    const call = (method: 'GET' | 'POST' | 'DELETE', path = '') =>
      w.h.call(method, `/v1/uploads/${id}${path}`, { token });
    const shown = await call('GET');
    assert.equal(shown.status, 200);
    assert.deepEqual(shown.body.metadata, { 'Odd-Näme': '\x01 ü', '': '' });
    assert.equal(shown.body.contentType, 'x; "ü');
    assert.equal((await w.h.call('GET', '/v1/uploads?state=uploaded', { token })).body.uploads.length, 1);
    assert.equal((await call('POST', '/complete')).body.state, 'uploaded');
    const download = await call('POST', '/download');
    assert.equal(download.status, 200);
    const query = new URL(download.body.url as string).searchParams;
    assert.equal(query.get('versionId'), 'v1');
    assert.equal(query.get('response-content-type'), 'x; "ü');
    assert.equal((await call('POST', '/request')).body.code, 'not_slot_owner');

    assert.equal((await call('DELETE')).body.state, 'deleting');
    await w.h.jobs.runOnce();
    assert.ok(await w.h.store.keys.get(id, 1), 'the margin has not passed');
    w.h.clock.now += 86_400_000;
    await w.h.jobs.runOnce();
    assert.equal(w.s3.objects.has('odd'), false);
    assert.equal(await w.h.store.keys.get(id, 1), undefined);
  });
});
