import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { S3Target } from '../../src/s3/port.ts';
import { customerKeyOf } from '../../src/uploads/customer-key-of.ts';
import { beginRekey, continueRekey } from '../../src/uploads/rekey.ts';
import { claim, isRekeying } from '../../src/uploads/rekey/lease.ts';
import { readWhole } from '../../src/uploads/rekey/prove.ts';
import type { Services } from '../../src/uploads/services.ts';
import type { Upload } from '../../src/uploads/upload.ts';
import { randomBody, serviceOn, type Service, type Slot } from '../integration/support-service.ts';
import { sendByFetch, trust } from '../integration/support-clients.ts';
import { available } from '../support/available.ts';
import { watch, type Interference } from '../support/interference.ts';
import { startMinio } from '../support/minio.ts';
import { atEachStep, Crash, type CrashPoint } from './crash-point.ts';

const LEASE_MS = 60_000;
const LARGE = 1_000_000;
const NEVER = new AbortController().signal;
const minio = await available(startMinio);
after(() => minio.stop());

const CASES = [
  { size: 5, by: 'copy' },
  { size: 300_000, by: 'copy' },
  { size: 20_000_000, by: 'copy' },
  { size: 20_000_000, by: 'stream' },
] as const;

for (const versioning of [true, false]) {
  const kind = versioning ? 'with versions' : 'without versions';
  describe(`a crash at each step of a re-key, MinIO ${kind}`, { skip: minio.skip }, () => {
    let service: Service;
    before(async () => {
      trust(minio.get().caPem);
      service = await serviceOn(minio.get(), { versioning });
    });
    after(() => service[Symbol.asyncDispose]());

    for (const { size, by } of CASES) {
      it(`${size} bytes by ${by}: every version opens by a key in the store, and it goes on`, async (t) => {
        const body = randomBody(size);
        const places = await atEachStep(async (point) => {
          const slot = await arrive(service, body);
          await rekey(
            crashing(service.harness.services, by, size < LARGE ? point : onlyAtWrites(point)),
            slot.id,
          ).catch((error: unknown) => {
            if (!(error instanceof Crash)) throw error;
          });
          await allOpen(service, slot, body);

          service.harness.clock.now += LEASE_MS;
          await rekey(service.harness.services, slot.id);
          const { generation, nextCheckAt } = await service.stored(slot);
          assert.deepEqual([generation, nextCheckAt], [2, null], point.place ?? 'no crash');
          assert.equal(await allOpen(service, slot, body), versioning ? 2 : 1, point.place ?? 'no crash');
          const keys = await service.harness.store.keys.all(slot.id);
          assert.equal(keys.length, versioning ? 2 : 1, 'a key goes with its version, not before, not later');
        });
        t.diagnostic(`${places.length} crash points: ${places.join(', ')}`);
        const promised = [
          ...['after keys.begin', `before content.${by}`, `after content.${by}`],
          ...['after content.read', 'before keys.advance', 'after keys.advance'],
          ...(versioning ? [] : ['before keys.destroy', 'after keys.destroy']),
        ];
        assert.deepEqual(
          promised.filter((place) => !places.includes(place)),
          [],
        );
      });
    }
  });
}

const sha256 = (body: Buffer): string => createHash('sha256').update(body).digest('base64');

async function arrive(service: Service, body: Buffer): Promise<Slot> {
  const slot = await service.create({
    contentType: 'text/plain',
    size: body.length,
    metadata: { case: 'A' },
  });
  assert.equal((await sendByFetch({ ...slot.request, body })).status, 200);
  assert.equal((await service.post(`/${slot.id}/complete`)).status, 200);
  return slot;
}

/** What POST and the job do, one after the other, or the job alone where one is under way already; nothing when it is done. */
async function rekey(services: Services, id: string): Promise<void> {
  let upload = await services.store.uploads.get('acme', id);
  assert.ok(upload);
  if (upload.generation === 2 && !isRekeying(upload)) return;
  if (!isRekeying(upload)) upload = await beginRekey(services, upload);
  const claimed = upload && (await claim(services, upload));
  assert.ok(claimed);
  assert.equal(await continueRekey(services, claimed, NEVER), 'rekeyed');
}

/** What a large object could make otherwise than a small one; all else it has in common with them. */
function onlyAtWrites(point: CrashPoint): Interference {
  const isWrite = (call: string): boolean => /^(content\.|keys\.(begin|advance|destroy))/.test(call);
  // Once it has crashed, no call does anything.
  const counts = (call: string): boolean => point.place !== undefined || isWrite(call);
  return {
    before: (call) => {
      if (counts(call)) point.before(call);
    },
    after: (call) => {
      if (counts(call)) point.after(call);
    },
  };
}

function crashing(services: Services, by: 'copy' | 'stream', point: Interference): Services {
  const { store, wrapper } = services;
  const target = services.targets.get('main');
  assert.ok(target);
  const content: S3Target['content'] =
    by === 'copy'
      ? target.content
      : { ...target.content, copy: async () => ({ kind: 'unsupported', code: 'NotImplemented' }) };
  const watched = {
    ...target,
    objects: watch('objects', target.objects, [point]),
    content: watch('content', content, [point]),
  };
  return {
    ...services,
    store: {
      ...store,
      uploads: watch('uploads', store.uploads, [point]),
      keys: watch('keys', store.keys, [point]),
    },
    wrapper: watch('wrapper', wrapper, [point]),
    targets: new Map([['main', watched]]),
  };
}

/** @returns how many versions there are, each read back equal by a key in the store; the slot's own by its current key. */
async function allOpen(service: Service, slot: Slot, body: Buffer): Promise<number> {
  const { services, store } = service.harness;
  const upload = await service.stored(slot);
  const { bucket, objectKey } = upload;
  const keys = await Promise.all(
    (await store.keys.all(slot.id)).map(({ generation }) =>
      customerKeyOf(services, { ...upload, generation }),
    ),
  );
  const { versions } = await service.direct.objects.remains(bucket, objectKey);
  for (const { versionId } of versions) {
    const reads = await Promise.all(
      keys.map((key) => readWhole(service.direct.content, { bucket, objectKey, versionId }, key, NEVER)),
    );
    assert.equal(
      reads.filter((read) => read?.sha256 === sha256(body)).length,
      1,
      `version ${String(versionId)}`,
    );
  }
  if (upload.versionId !== null) await downloads(service, upload, body);
  return versions.length;
}

/** Where there are versions, a download never fails meanwhile. */
async function downloads(service: Service, upload: Upload, body: Buffer): Promise<void> {
  const { bucket, objectKey, versionId } = upload;
  const key = await customerKeyOf(service.harness.services, upload);
  const read = await readWhole(service.direct.content, { bucket, objectKey, versionId }, key, NEVER);
  assert.equal(read?.sha256, sha256(body));
}
