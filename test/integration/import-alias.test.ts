import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { DependencyUnavailable } from '../../src/errors.ts';
import { adoptObject } from '../../src/uploads/adopt.ts';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { sendByFetch, trust } from './support-clients.ts';
import { serviceOn, type Service } from './support-service.ts';

const OBJECT_KEY = 'reports/2019/q1.pdf';

/**
 * By what other names each finds the object, and what becomes of them. Rows with such names are refused before S3 is asked; this asks
 * behind that. MinIO refuses to list `//`, which decides nothing.
 */
const MINIO = { [`/${OBJECT_KEY}`]: 'not_listed', [`//${OBJECT_KEY}`]: 'unavailable' };
const SEAWEEDFS = {
  [`/${OBJECT_KEY}`]: 'not_listed',
  [`//${OBJECT_KEY}`]: 'not_listed',
  [OBJECT_KEY.replace('/', '//')]: 'not_listed',
};

for (const [name, start, aliases] of [
  ['MinIO', startMinio, MINIO],
  ['SeaweedFS', startSeaweedfs, SEAWEEDFS],
] as const) {
  const backend = await available(() => start());
  after(() => backend.stop());

  describe(`import of one object by several names: ${name}`, { skip: backend.skip }, () => {
    for (const versioning of [true, false]) {
      it(`only by the one it is listed under, ${versioning ? 'with' : 'without'} versions`, async () => {
        trust(backend.get().caPem);
        await using service = await serviceOn(backend.get(), { versioning });
        const { bucket, direct, harness } = service;
        const key = CustomerKey.generate();
        await put(service, key);
        const adopt = async (objectKey: string): Promise<string> => {
          const object = { bucket, objectKey, key };
          try {
            return (await adoptObject(harness.services, 'acme', object)).kind;
          } catch (error) {
            if (error instanceof DependencyUnavailable) return 'unavailable';
            throw error;
          }
        };
        for (const [alias, outcome] of Object.entries(aliases)) {
          assert.equal((await direct.objects.head(bucket, alias, key)).kind, 'found', alias);
          assert.equal(await adopt(alias), outcome, alias);
        }
        assert.equal(await adopt(OBJECT_KEY), 'adopted');
        assert.equal((await service.get('')).body.uploads.length, 1);
      });
    }
  });
}

async function put({ bucket, direct }: Service, key: CustomerKey): Promise<void> {
  const headers = { ...key.headers() };
  const window = await direct.presigner.open(60, Date.now());
  const url = window.sign({ method: 'PUT', bucket, objectKey: OBJECT_KEY, headers });
  const { status } = await sendByFetch({ method: 'PUT', url, headers, body: Buffer.from('q1') });
  assert.equal(status, 200);
}
