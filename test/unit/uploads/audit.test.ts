import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { localWrapper } from '../../../src/custody/adapters/local.ts';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { createKekFile, readKekFile } from '../../../src/custody/kek-file.ts';
import { adoptObject } from '../../../src/uploads/adopt.ts';
import { fakeTarget } from '../../support/fake-s3.ts';
import {
  CANARIES,
  flipped,
  HIERARCHY,
  overwriteKey,
  removeBehind,
  replaceFacts,
  world,
  type World,
} from './audit-world.ts';
import { buriedAt } from '../../contract/store-rows.ts';

/** Another KEK file, as if the right one were gone. */
async function otherKek({ h }: World) {
  const file = join(h.dir, 'other.json');
  await createKekFile(file);
  return localWrapper({ id: 'local', ring: await readKekFile(file) });
}

describe('an audit finds nothing', () => {
  it('where all is right, whatever the states of the slots', async () => {
    await using w = await world();
    const { upload } = await w.uploaded();
    const removed = await w.uploaded();
    await w.uploaded('globex');
    const token = await w.h.token();
    await w.h.call('POST', '/v1/uploads', { token, body: { contentType: 'text/plain', size: 1 } });
    await w.h.call('DELETE', `/v1/uploads/${removed.upload.id}`, { token });
    const { codes, slots, versions, buckets } = await w.audit();
    assert.deepEqual(codes, []);
    assert.deepEqual([slots.looked, slots.total, versions.looked, versions.total], [4, 4, 3, 3]);
    assert.deepEqual(buckets, [{ target: upload.target, bucket: upload.bucket }]);
  });

  it('of objects that were imported, nor of a bucket without versions', async () => {
    await using w = await world();
    w.s3.versioned = false;
    await w.uploaded();
    const key = CustomerKey.generate();
    w.s3.put('old/ü.pdf', key, { size: 3 });
    const adoption = await adoptObject(w.h.services, 'globex', {
      bucket: 'uploads',
      objectKey: 'old/ü.pdf',
      key,
    });
    assert.equal(adoption.kind, 'adopted');
    assert.deepEqual((await w.audit()).codes, []);
  });

  it('of another tenant when only one is asked for', async () => {
    await using w = await world();
    const theirs = await w.uploaded('globex');
    await overwriteKey(w.h, theirs, flipped(theirs.stored.wrapped.bytes));
    w.s3.put(theirs.upload.objectKey, CustomerKey.generate(), {});
    assert.deepEqual((await w.audit({ tenant: 'acme' })).codes, []);
    assert.deepEqual((await w.audit({ tenant: 'globex' })).codes, ['key_refused', 'object_without_key']);
  });

  it('of a slot of a tenant that left the configuration', async () => {
    await using w = await world();
    await w.uploaded('globex');
    const { config } = w.h.services;
    const services = {
      ...w.h.services,
      config: { ...config, tenants: { acme: config.tenants['acme']! } },
    };
    assert.deepEqual((await w.audit({ services })).codes, []);
  });
});

describe('an audit finds keys that do not open', () => {
  it('flipped bytes, and the row of another slot', async () => {
    await using w = await world();
    const [one, two, three] = [await w.uploaded(), await w.uploaded(), await w.uploaded()];
    await overwriteKey(w.h, one, flipped(one.stored.wrapped.bytes));
    await overwriteKey(w.h, two, three.stored.wrapped.bytes);
    const { findings } = await w.audit();
    assert.deepEqual(
      findings.map(({ code, slot }) => [code, slot]).sort(),
      [
        ['key_refused', one.upload.id],
        ['key_refused', two.upload.id],
      ].sort(),
    );
    assert.match(findings[0]!.detail, /^not_authentic; wrapper "local", KEK "/);
  });

  it('a KEK that is gone, named', async () => {
    await using w = await world();
    const { stored } = await w.uploaded();
    const services = { ...w.h.services, wrapper: await otherKek(w) };
    const { findings } = await w.audit({ services });
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['key_not_mine'],
    );
    assert.match(findings[0]!.detail, new RegExp(`wrapper "local", KEK "${stored.wrapped.kekId}"`));
  });

  it('an intermediate key that does not open, once for all that it wraps; one that is not there', async () => {
    await using w = await world({ custody: { hierarchy: HIERARCHY } });
    const { stored } = await w.uploaded();
    await w.uploaded();
    const gone = await otherKek(w);
    const closed = await w.audit({ services: { ...w.h.services, keks: gone } });
    assert.deepEqual(closed.codes, ['intermediate_unopened']);
    assert.match(closed.findings[0]!.detail, /it wraps 2 keys/);

    const { store } = w.h.services;
    const intermediates = { ...store.intermediates, list: async () => [], get: async () => undefined };
    const services = { ...w.h.services, wrapper: gone, store: { ...store, intermediates } };
    const missing = await w.audit({ services });
    assert.deepEqual(missing.codes, ['intermediate_missing', 'intermediate_missing']);
    assert.match(missing.findings[0]!.detail, new RegExp(stored.wrapped.kekId));
  });
});

describe('an audit compares slots with S3', () => {
  it('an object that is gone, or was written over', async () => {
    await using w = await world();
    const [gone, over] = [await w.uploaded(), await w.uploaded()];
    removeBehind(w.s3, gone);
    const { versionId } = over.upload;
    removeBehind(w.s3, over);
    w.s3.put(over.upload.objectKey, CustomerKey.generate(), { versionId });
    const { findings, codes } = await w.audit();
    assert.deepEqual(codes, ['object_absent', 'object_under_another_key']);
    const other = findings.find(({ code }) => code === 'object_under_another_key');
    assert.match(other?.detail ?? '', /S3 answers 403 .* without a key it answers 400/);
  });

  it('says that 403 may be a missing right', async () => {
    await using w = await world();
    await w.uploaded();
    w.s3.headAnswer = { kind: 'unknown', status: 403, code: 'AccessDenied' };
    const { findings } = await w.audit();
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['object_under_another_key'],
    );
    assert.match(findings[0]!.detail, /may be that the right to read is missing/);
  });

  it('size, ETag, and an object that is not under SSE-C', async () => {
    await using w = await world();
    const [size, etag, plain] = [await w.uploaded(), await w.uploaded(), await w.uploaded()];
    replaceFacts(w.s3, size, { size: 6 });
    replaceFacts(w.s3, etag, { etag: '"other"' });
    replaceFacts(w.s3, plain, { sseCustomerAlgorithm: null, sseCustomerKeyMd5: null });
    const { findings, codes } = await w.audit();
    assert.deepEqual(codes, ['etag_differs', 'not_encrypted', 'size_differs']);
    assert.deepEqual(
      findings.find(({ code }) => code === 'size_differs')?.detail,
      '5 bytes were verified, S3 has 6',
    );
  });

  it('what S3 shows without a key is not encrypted', async () => {
    await using w = await world();
    const { upload } = await w.uploaded();
    const head = w.s3.head.bind(w.s3);
    w.s3.head = async (bucket, objectKey, key, versionId) =>
      key === undefined
        ? {
            kind: 'found',
            object: { ...w.s3.objects.get(upload.objectKey)!.facts, sseCustomerAlgorithm: null },
          }
        : {
            ...(await head(bucket, objectKey, undefined, versionId)),
            ...{ kind: 'unknown', status: 400, code: 'X' },
          };
    assert.deepEqual((await w.audit()).codes, ['not_encrypted']);
  });

  it('a slot whose target is not in the configuration', async () => {
    await using w = await world();
    await w.uploaded();
    const services = { ...w.h.services, targets: new Map([['other', fakeTarget(w.s3)]]) };
    assert.deepEqual((await w.audit({ services })).codes, ['target_not_configured']);
  });
});

describe('an audit compares buckets with the store', () => {
  it('an object without a slot, and one of a slot whose key is destroyed', async () => {
    await using w = await world();
    w.s3.put('foreign', CustomerKey.generate(), {});
    const { upload, key } = await w.uploaded();
    await w.h.store.uploads.update(upload.id, ['uploaded'], { state: 'deleting' });
    removeBehind(w.s3, { upload, key, stored: (await w.h.store.keys.get(upload.id, 1))! });
    assert.ok(await w.h.store.uploads.bury(upload.id, upload, buriedAt(w.h.clock.now)));
    w.s3.put(upload.objectKey, key, {});
    const { findings, codes } = await w.audit();
    assert.deepEqual(codes, ['object_without_key', 'object_without_key']);
    assert.deepEqual(findings.map(({ slot }) => slot).sort(), [upload.id, undefined]);
  });

  it('an id in an object key is not enough: the slot must be of this object', async () => {
    await using w = await world();
    const { upload, key } = await w.uploaded();
    w.s3.put(`copies/${upload.id}`, key, {});
    const { findings } = await w.audit();
    assert.deepEqual(
      findings.map(({ code, objectKey }) => [code, objectKey]),
      [['object_without_key', `copies/${upload.id}`]],
    );
  });

  it('further versions: of another key, and of the slot’s own', async () => {
    await using w = await world();
    const [other, own] = [await w.uploaded(), await w.uploaded()];
    w.s3.put(other.upload.objectKey, CustomerKey.generate(), {});
    w.s3.put(own.upload.objectKey, own.key, {});
    assert.deepEqual((await w.audit()).codes, ['extra_version', 'object_without_key']);
  });

  it('the doctor’s leftovers, but not what a doctor has there now; and no delete markers', async () => {
    await using w = await world();
    const { upload } = await w.uploaded();
    const { now } = w.h.clock;
    w.s3.put(`${CANARIES}old`, CustomerKey.generate(), {}, { modifiedAt: now - 3_700_000 });
    w.s3.put(`${CANARIES}new`, CustomerKey.generate(), {}, { modifiedAt: now - 1_000 });
    w.s3.shelf.addDeleteMarker(upload.objectKey);
    assert.deepEqual((await w.audit()).codes, ['doctor_leftover']);
  });
});
