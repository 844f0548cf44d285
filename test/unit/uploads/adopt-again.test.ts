import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import { KeyRefused } from '../../../src/custody/errors.ts';
import { adoptObject, type Adoption } from '../../../src/uploads/adopt.ts';
import { fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, TENANT } from '../../support/harness.ts';

import { OBJECT_KEY, FACTS, CleaningS3, world, adoptedId, slots } from './adopt-world.ts';

describe('an object that has a slot already', () => {
  const detailOf = (adoption: Adoption) => ('detail' in adoption ? adoption.detail : '');

  it('with another key it is a conflict, and the stored key stays', async () => {
    await using w = await world();
    const id = await adoptedId(w);
    const other = CustomerKey.generate();
    w.s3.put(OBJECT_KEY, other, FACTS);
    assert.equal((await w.adopt(OBJECT_KEY, other)).kind, 'conflict');
    assert.ok((await w.h.customerKey('acme', id)).equals(w.key));
  });

  it('another tenant’s is a conflict that does not say whose', async () => {
    await using w = await world();
    await adoptedId(w, OBJECT_KEY, w.key, 'globex');
    const adoption = await w.adopt();
    assert.equal(adoption.kind, 'conflict');
    assert.doesNotMatch(detailOf(adoption), /globex|0000/);
    assert.deepEqual(await slots(w), []);
  });

  it('a slot that this service made keeps its object: the same key is there already, another tenant meets a conflict', async () => {
    const s3 = new CleaningS3();
    const tenants = { acme: TENANT, globex: TENANT };
    await using h = await makeHarness({ target: fakeTarget(s3), tenants });
    const made = await h.call('POST', '/v1/uploads', {
      token: await h.token(),
      body: { contentType: 'application/pdf', size: 5 },
    });
    const { id, bucket, objectKey } = made.body as { id: string; bucket: string; objectKey: string };
    const key = await h.customerKey('acme', id);
    s3.put(objectKey, key, FACTS);
    const adopt = (tenant: string, where = bucket) =>
      adoptObject(h.services, tenant, { bucket: where, objectKey, key });
    assert.deepEqual(await adopt('acme'), { kind: 'already', id });
    assert.equal((await adopt('globex')).kind, 'conflict');
    assert.equal((await adopt('globex', 'a-copy-elsewhere')).kind, 'adopted');
  });

  it('another name for the same S3 does not adopt it again', async () => {
    const s3 = new CleaningS3();
    const target = fakeTarget(s3);
    const tenants = { acme: TENANT, globex: { ...TENANT, target: 'alias' } };
    await using h = await makeHarness({ target, tenants });
    const targets = new Map([...h.services.targets, ['alias', target]]);
    const renamed = { ...h.services.config, tenants: { ...tenants, acme: tenants.globex } };
    const key = CustomerKey.generate();
    s3.put(OBJECT_KEY, key, FACTS);
    const adopt = (tenant: string, config = h.services.config) =>
      adoptObject({ ...h.services, targets, config }, tenant, { bucket: 'old', objectKey: OBJECT_KEY, key });
    assert.equal((await adopt('acme')).kind, 'adopted');
    assert.equal((await adopt('globex')).kind, 'conflict');
    assert.match(detailOf(await adopt('acme', renamed)), /is of the S3 target "main"/);
  });

  it('one that is deleted stays deleted', async () => {
    await using w = await world();
    const id = await adoptedId(w);
    await w.h.call('DELETE', `/v1/uploads/${id}`, { token: await w.h.token() });
    assert.match(detailOf(await w.adopt()), /deleting/);
    w.h.clock.now += 2 * 86_400_000;
    await w.h.jobs.runOnce();
    const again = await w.adopt();
    assert.equal(again.kind, 'conflict');
    assert.match(detailOf(again), /deleted/);
  });

  it('one whose stored key cannot be opened is a conflict', async () => {
    await using w = await world();
    await adoptedId(w);
    const refusing = async () => Promise.reject(new KeyRefused('not authentic'));
    const services = { ...w.h.services, wrapper: { ...w.h.services.wrapper, unwrap: refusing } };
    const object = { bucket: 'old', objectKey: OBJECT_KEY, key: w.key };
    const adoption = await adoptObject(services, 'acme', object);
    assert.equal(adoption.kind, 'conflict');
    assert.match(detailOf(adoption), /cannot be opened/);
  });
});
