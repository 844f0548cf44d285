import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, statfs, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inspectStore } from '../../src/composition.ts';
import type { FileSystem } from '../../src/doctor/local/file-system.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { exitCodeOf } from '../../src/doctor/report.ts';
import { examineStore, STORE_CHECKS } from '../../src/doctor/local/store.ts';
import { available } from '../support/available.ts';
import type { Json } from '../support/harness.ts';
import { startMinio } from '../support/minio.ts';
import { type Answer, type Service, startService, storePath } from '../support/service.ts';
import { smallDisk } from '../support/small-disk.ts';
import { summary } from '../unit/doctor/findings.ts';
import { sendByFetch, trust } from './support-clients.ts';

/** statfs(2)'s number of ext2, 3 and 4. */
const EXT = 0xef53;
const DISK_BYTES = 2 * 1024 * 1024;
const BODY = Buffer.from('on its way while the disk fills up');
const KEY = 'x-amz-server-side-encryption-customer-key';

const disk = await available(() => smallDisk(DISK_BYTES));
const minio = await available(() => startMinio());

describe('a full disk', { skip: disk.skip || minio.skip }, () => {
  let elsewhere: string;
  before(async () => {
    trust(minio.get().caPem);
    await minio.get().createBucket('uploads');
    // The one thing in a service's folder that is large.
    elsewhere = await mkdtemp(join(tmpdir(), 'sealslot-compile-cache-'));
    await symlink(elsewhere, join(disk.get().folder, 'compile-cache'));
  });
  after(async () => {
    await minio.stop();
    await disk.stop();
    await rm(elsewhere, { recursive: true });
  });

  it('is named by the doctor, stops the service only while it lasts, and costs no slot that was acknowledged', async () => {
    const { folder, fill, free } = disk.get();
    const acknowledged = new Map<string, Json>();
    {
      await using service = await startService({ dir: folder, s3: minio.get() });
      const made = await Promise.all(Array.from({ length: 20 }, () => create(service)));
      for (const { body } of made) acknowledged.set(body.id, body);
      const slot = made[0]!;
      const { url, headers } = slot.body.request;
      assert.equal((await sendByFetch({ method: 'PUT', url, headers, body: BODY })).status, 200);

      await fill();
      // What the WAL has room for is still acknowledged, and counts.
      const refused = await createUntilRefused(service, acknowledged);
      assertUnavailable(refused);
      assertUnavailable(await service.call('POST', `/v1/uploads/${slot.body.id}/complete`));
      assertUnavailable(await create(service));
      assert.equal((await service.call('GET', `/v1/uploads/${slot.body.id}`)).body.state, 'issued');

      const beside = await readdir(folder);
      const found = await doctor(folder);
      assert.equal(found['store.writable']?.outcome, 'off');
      assert.match(found['store.writable'].found, /the disk is full/);
      assert.equal(found['store.opens']?.outcome, 'ok');
      assert.equal(found['store.served']?.outcome, 'ok');
      // This small disk is memory, and that is named as well.
      assert.equal(found['store.durable']?.outcome, 'unsafe');
      // On a disk that keeps what it has, a full one is a feature off, and no danger.
      const onDisk = await doctor(folder, async () => Object.assign(await statfs(folder), { type: EXT }));
      assert.equal(exitCodeOf(Object.values(onDisk)), 1);
      assert.deepEqual(await readdir(folder), beside, 'the doctor leaves nothing');

      await free();
      const late = await create(service);
      assert.equal(late.status, 201);
      acknowledged.set(late.body.id, late.body);
      const completed = await service.call('POST', `/v1/uploads/${slot.body.id}/complete`);
      assert.equal(completed.body.state, 'uploaded');
      assert.equal((await doctor(folder))['store.writable']?.outcome, 'note', 'little room, but enough');
      await service.kill();
    }

    await using service = await startService({ dir: folder, s3: minio.get() });
    const listed = (await service.call('GET', '/v1/uploads?limit=100')).body.uploads as Json[];
    assert.deepEqual(new Set(listed.map(({ id }) => id)), new Set(acknowledged.keys()));
    for (const { id, state } of listed) {
      const asked = state === 'issued' ? 'request' : 'download';
      const answer = (await service.call('POST', `/v1/uploads/${id}/${asked}`)).body;
      const headers = (asked === 'request' ? answer.request : answer).headers;
      assert.equal(headers[KEY], acknowledged.get(id).request.headers[KEY]);
    }
  });
});

const create = (service: Service): Promise<Answer> =>
  service.call('POST', '/v1/uploads', { body: { contentType: 'text/plain', size: BODY.length } });

/** @param acknowledged gets the slots that were made before that. */
async function createUntilRefused(service: Service, acknowledged: Map<string, Json>): Promise<Answer> {
  for (let tries = 0; tries < 70; tries++) {
    const answer = await create(service);
    if (answer.status !== 201) return answer;
    acknowledged.set(answer.body.id, answer.body);
  }
  return assert.fail('the disk is full, and slots are made all the same');
}

function assertUnavailable({ status, headers, body }: Answer): void {
  assert.equal(status, 503);
  assert.equal(body.code, 'dependency_unavailable');
  assert.equal(body.dependency, 'store');
  assert.equal(headers.get('retry-after'), '5');
  assert.equal(body.request, undefined);
}

async function doctor(
  folder: string,
  fileSystem?: (folder: string) => Promise<FileSystem>,
): Promise<Readonly<Record<string, Finding>>> {
  const store = { kind: 'sqlite', path: storePath(folder) } as const;
  const { findings } = await summary(examineStore(store, inspectStore, fileSystem), STORE_CHECKS);
  return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
}
