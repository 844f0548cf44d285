import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { KeyNotMine } from '../../src/custody/errors.ts';
import type { PlacedKey } from '../../src/store/port.ts';
import { sweep } from '../../src/uploads/remove.ts';
import { placeOf } from '../../src/uploads/services.ts';
import { available } from '../support/available.ts';
import { sealslotIn } from '../support/doctor.ts';
import { startMinio } from '../support/minio.ts';
import { setUp, startService, storePath, type Service } from '../support/service.ts';
import { trust } from './support-clients.ts';
import {
  arrive,
  custodyOf,
  downloads,
  insert,
  livingKeys,
  servicesOf,
  temporaryFolder,
  unreadable,
} from './support-custody.ts';
import { listAll } from './support-s3.ts';

const DAY_MS = 86_400_000;
const EX_USAGE = 64;
const SURVIVORS = 3;

const minio = await available(startMinio);

describe('sealslot shred-period', { skip: minio.skip, timeout: 120_000 }, () => {
  before(async () => {
    trust(minio.get().caPem);
    await minio.get().createBucket('uploads');
    await minio.get().createBucket('copies', { versioning: true });
  });
  after(() => minio.stop());

  it('what was deleted opens nowhere but with a backup and its KEK; what lives is downloaded', async () => {
    await using folder = await temporaryFolder();
    await using backup = await temporaryFolder();
    const dir = folder.path;
    const wrappers = { local: { kind: 'local', kekFile: 'kek.json' } };
    const recovery = { target: 'main', bucket: 'copies' };
    await setUp(dir, {
      custody: custodyOf({ current: 'local', wrappers, hierarchy: {}, recovery }),
      s3: minio.get(),
    });
    const at = Date.now() - 2 * DAY_MS;
    const period = new Date(at).toISOString().slice(0, 10);
    const handedOut = await insert(dir, SURVIVORS + 2, at);
    const [gone = '', unused = '', ...living] = handedOut.keys();
    const intermediate = `intermediate/acme/${period}/`;
    const copies = async () =>
      (await listAll(minio.get(), 'copies')).filter((key) => key.startsWith(intermediate));
    assert.ok((await copies()).length > 0, 'control: there is a copy of the intermediate key');

    {
      await using service = await startService({ dir });
      for (const id of [gone, ...living]) await arrive(service, id);
      await service.stop();
    }
    for (const file of ['sealslot.yaml', 'kek.json', 'jwks.json'])
      await copyFile(join(dir, file), join(backup.path, file));
    await copyFile(storePath(dir), storePath(backup.path));
    const lost = await keysOf(dir, [gone, unused]);
    assert.equal(lost.length, 2);

    await using service = await startService({ dir });
    await bury(service, gone);
    const shred = (...args: string[]) =>
      sealslotIn(dir, 'shred-period', '--tenant', 'acme', '--period', ...args);

    const today = await shred(new Date().toISOString().slice(0, 10));
    assert.equal(today.exitCode, EX_USAGE, today.stderr);
    assert.match(today.stderr, /is not over/);
    const dry = await shred(period, '--dry-run');
    assert.equal(dry.exitCode, 0, dry.stderr);
    assert.match(dry.stdout, /would be destroyed; 4 living keys/);

    const kept = await shred(period);
    assert.equal(kept.exitCode, 1, kept.stderr);
    assert.match(kept.stdout, new RegExp(`kept.*${unused}.*may still be used`));
    assert.deepEqual(await opening(dir, lost), [true, true], 'nothing is destroyed yet');

    await bury(service, unused);
    const done = await shred(period);
    assert.equal(done.exitCode, 0, done.stdout + done.stderr);
    assert.match(done.stdout, /destroyed/);
    assert.deepEqual(await copies(), [], 'no version of the copy is left');
    assert.deepEqual(await opening(dir, lost), [false, false]);
    assert.deepEqual(
      await opening(backup.path, lost),
      [true, true],
      'the backup and its KEK open them still',
    );
    const again = await shred(period);
    assert.equal(again.exitCode, 0, again.stderr);
    assert.match(again.stdout, /no intermediate keys/);

    const left = new Map(living.map((id) => [id, handedOut.get(id) ?? '']));
    await downloads(service, living);
    await service.stop();
    assert.deepEqual(await unreadable(dir, left), []);
    await using restarted = await startService({ dir });
    await downloads(restarted, living);
    await restarted.stop();
  });
});

/** DELETE, and what the job does when the last URL has ended and the margin with it. */
async function bury(service: Service, id: string): Promise<void> {
  assert.equal((await service.call('DELETE', `/v1/uploads/${id}`)).status, 202);
  await servicesOf(service.dir, async (services) => {
    const upload = await services.store.uploads.get('acme', id);
    assert.ok(upload);
    await sweep({ ...services, now: () => Date.now() + 3 * DAY_MS }, upload);
    assert.equal((await services.store.uploads.get('acme', id))?.state, 'deleted');
  });
}

/** As they lie in the store. */
function keysOf(dir: string, ids: readonly string[]): Promise<PlacedKey[]> {
  return servicesOf(dir, async (services) => {
    const pages = await Array.fromAsync(livingKeys(services));
    return pages.flat().filter(({ upload }) => ids.includes(upload.id));
  });
}

/** Which of them open with the store and the KEK of a folder. */
function opening(dir: string, keys: readonly PlacedKey[]): Promise<boolean[]> {
  return servicesOf(dir, ({ wrapper }) =>
    Promise.all(
      keys.map(({ upload, generation, wrapped }) =>
        wrapper.unwrap(wrapped, placeOf(upload, generation)).then(
          () => true,
          (error: unknown) => {
            if (error instanceof KeyNotMine) return false;
            throw error;
          },
        ),
      ),
    ),
  );
}
