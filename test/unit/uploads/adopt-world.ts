import assert from 'node:assert/strict';
import { CustomerKey } from '../../../src/custody/customer-key.ts';
import type { HeadResult, ObjectFacts, ObjectRemains } from '../../../src/s3/port.ts';
import { adoptObject, type Adoption } from '../../../src/uploads/adopt.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness } from '../../support/harness.ts';

export const OBJECT_KEY = 'reports/2019/ü (1).pdf';
export const FACTS: Partial<ObjectFacts> = { size: 5, contentType: 'application/pdf', versionId: 'v1' };

/** Lists the versions that HEAD names; and, as MinIO does, finds an object by a name with slashes too many but does not list it so. */
export class CleaningS3 extends FakeObjectStore {
  override head(bucket: string, objectKey: string, key: CustomerKey | undefined): Promise<HeadResult> {
    return super.head(bucket, objectKey.replaceAll(/\/+/g, '/').replace(/^\//, ''), key);
  }

  override async remains(bucket: string, objectKey: string): Promise<ObjectRemains> {
    const { versions, ...others } = await super.remains(bucket, objectKey);
    const versionId = this.objects.get(objectKey)?.facts.versionId ?? null;
    return { versions: versions.map(() => ({ versionId })), ...others };
  }
}

export interface World extends AsyncDisposable {
  readonly h: Harness;
  readonly s3: FakeObjectStore;
  readonly key: CustomerKey;
  adopt(objectKey?: string, key?: CustomerKey, tenant?: string): Promise<Adoption>;
}

export async function world(): Promise<World> {
  const s3 = new CleaningS3();
  const h = await makeHarness({ target: fakeTarget(s3) });
  const key = CustomerKey.generate();
  s3.put(OBJECT_KEY, key, FACTS);
  return {
    h,
    s3,
    key,
    adopt: (objectKey = OBJECT_KEY, withKey = key, tenant = 'acme') =>
      adoptObject(h.services, tenant, { bucket: 'old', objectKey, key: withKey }),
    [Symbol.asyncDispose]: () => h[Symbol.asyncDispose](),
  };
}

export async function adoptedId(w: World, ...args: Parameters<World['adopt']>): Promise<string> {
  const adoption = await w.adopt(...args);
  assert.equal(adoption.kind, 'adopted');
  return 'id' in adoption ? adoption.id : '';
}

export const slots = (w: World, tenant = 'acme') =>
  w.h.store.uploads.list(tenant, { limit: 100, now: w.h.clock.now });
