import assert from 'node:assert/strict';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { KeyRefused } from '../../src/custody/errors.ts';
import { intermediatePlace } from '../../src/custody/intermediate.ts';
import { placeOf } from '../../src/uploads/services.ts';
import { available } from '../support/available.ts';
import { sealslotIn } from '../support/doctor.ts';
import { startMinio } from '../support/minio.ts';
import { startOpenbao } from '../support/openbao.ts';
import { waitUntil } from '../support/processes.ts';
import { kekPath, setUp, startService } from '../support/service.ts';
import { minimalPolicy, tokenFor } from '../unit/custody/vault-transit-world.ts';
import { trust } from './support-clients.ts';
import {
  custodyOf,
  downloads,
  insert,
  livingKeys,
  load,
  servicesOf,
  temporaryFolder,
  transitWrapper,
  unreadable,
  upload,
} from './support-custody.ts';

const SLOTS = 10_000;
const OBJECTS = 5;
const EX_USAGE = 64;

const minio = await available(startMinio);
const openbao = await available(startOpenbao);

describe('sealslot rewrap beside a service under load', { skip: minio.skip, timeout: 600_000 }, () => {
  before(async () => {
    trust(minio.get().caPem);
    await minio.get().createBucket('uploads');
  });
  after(async () => {
    await minio.stop();
    await openbao.stop();
  });

  describe('a transit key rotated in OpenBao', { skip: openbao.skip }, () => {
    for (const [how, hierarchy] of [
      ['without', undefined],
      ['with', {}],
    ] as const) {
      it(`${SLOTS} slots ${how} hierarchy: all open above the raised min_decryption_version`, async (t) => {
        const key = `rotated-${how}`;
        const bao = openbao.get();
        await bao.request('POST', `transit/keys/${key}`, { derived: true });
        await using folder = await temporaryFolder();
        const dir = folder.path;
        const token = await tokenFor(bao, key, minimalPolicy(key));
        await writeFile(join(dir, 'bao-token'), token, { mode: 0o600 });
        const wrappers = { vault: transitWrapper(bao, key) };
        const custody = custodyOf({ current: 'vault', wrappers, ...(hierarchy && { hierarchy }) });
        await setUp(dir, { custody, s3: minio.get() });

        const handedOut = await insert(dir, SLOTS);
        const before = await oneWrapped(dir);
        await using service = await startService({ dir });
        const uploaded: string[] = [];
        while (uploaded.length < OBJECTS) uploaded.push(await upload(service, handedOut));

        await bao.request('POST', `transit/keys/${key}/rotate`, {});
        await using running = load(service, handedOut, uploaded);
        const began = Date.now();
        const moved = await sealslotIn(dir, 'rewrap', '--to', 'vault', '--json');
        const took = Date.now() - began;
        await running.stop();
        assert.equal(moved.exitCode, 0, moved.stderr);
        t.diagnostic(`rewrap took ${took} ms beside ${running.answers} calls: ${moved.stdout.trim()}`);
        assert.deepEqual(running.wrong, []);
        assert.ok(running.answers > 0, 'control: there was a load');

        await bao.request('POST', `transit/keys/${key}/config`, { min_decryption_version: 2 });
        assert.ok(!(await opens(dir, before)), 'control: what was wrapped before opens no more');
        assert.deepEqual(await unreadable(dir, handedOut), []);
        await downloads(service, uploaded);
        await service.stop();
        await using restarted = await startService({ dir });
        await downloads(restarted, uploaded);
        await restarted.stop();
      });
    }
  });

  describe('a KEK file rotated by `sealslot kek`', () => {
    for (const [how, hierarchy] of [
      ['without', undefined],
      ['with', { maxAgeSeconds: 1 }],
    ] as const) {
      it(`${how} hierarchy: taken up without a restart, rewrapped, and the old KEK retired`, async () => {
        await using folder = await temporaryFolder();
        const dir = folder.path;
        const wrappers = { local: { kind: 'local', kekFile: 'kek.json' } };
        const custody = custodyOf({ current: 'local', wrappers, ...(hierarchy && { hierarchy }) });
        await setUp(dir, { custody, s3: minio.get() });
        const handedOut = await insert(dir, 500);
        await using service = await startService({ dir });
        const uploaded = [await upload(service, handedOut)];
        const [old = ''] = await kekIds(dir);
        const retire = () => sealslotIn(dir, 'kek', 'retire', '--wrapper', 'local', '--kek', old);
        await using running = load(service, handedOut, uploaded);

        isRefused(await retire(), /needed for new keys/);
        const rotated = await sealslotIn(dir, 'kek', 'rotate', '--wrapper', 'local');
        assert.equal(rotated.exitCode, 0, rotated.stderr);
        const [fresh = ''] = await kekIds(dir);
        assert.notEqual(fresh, old);
        await waitUntil('a new slot under the new KEK', async () => {
          await fetch(`${service.adminUrl}/readyz`);
          return (await needs(dir, fresh)) > 0;
        });

        isRefused(await retire(), /keys of objects/);
        const moved = await sealslotIn(dir, 'rewrap', '--to', 'local', '--json');
        assert.equal(moved.exitCode, 0, moved.stderr);
        assert.equal(await needs(dir, old), 0);
        isRefused(await retire(), /has just been changed/);
        const long = new Date(Date.now() - 61_000);
        await utimes(kekPath(dir), long, long);
        const retired = await retire();
        assert.equal(retired.exitCode, 0, retired.stderr);
        assert.deepEqual(await kekIds(dir), [fresh]);
        assert.ok(!(await readFile(kekPath(dir), 'utf8')).includes(old));
        assert.equal((await retire()).exitCode, EX_USAGE);

        await running.stop();
        assert.deepEqual(running.wrong.slice(0, 5), []);
        await service.stop();
        await using restarted = await startService({ dir });
        assert.deepEqual(await unreadable(dir, handedOut), []);
        await downloads(restarted, uploaded);
        await restarted.stop();
      });
    }
  });
});

interface Kek {
  readonly kekId: string;
  readonly objectKeys: number;
  readonly intermediateKeys: number;
}

async function statusOf(dir: string): Promise<readonly Kek[]> {
  const { stdout } = await sealslotIn(dir, 'kek', 'status', '--json');
  return (JSON.parse(stdout) as { keks: Kek[] }).keks;
}

const kekIds = async (dir: string): Promise<string[]> => (await statusOf(dir)).map(({ kekId }) => kekId);

/** How many keys it wraps itself. */
async function needs(dir: string, kekId: string): Promise<number> {
  const kek = (await statusOf(dir)).find((each) => each.kekId === kekId);
  return kek === undefined ? 0 : kek.objectKeys + kek.intermediateKeys;
}

function isRefused({ exitCode, stderr }: { exitCode: number; stderr: string }, why: RegExp): void {
  assert.equal(exitCode, 1, stderr);
  assert.match(stderr, /^refused/);
  assert.match(stderr, why);
}

type Wrapped = Awaited<ReturnType<typeof oneWrapped>>;

/** Something that a KEK wraps itself: a customer key or, under a hierarchy, an intermediate key. */
function oneWrapped(dir: string) {
  return servicesOf(dir, async (services) => {
    const [intermediate] = await services.store.intermediates.list();
    if (intermediate) return { wrapped: intermediate.wrapped, place: intermediatePlace(intermediate) };
    const [key] = (await livingKeys(services).next()).value ?? [];
    assert.ok(key);
    return { wrapped: key.wrapped, place: placeOf(key.upload, key.generation) };
  });
}

function opens(dir: string, { wrapped, place }: Wrapped): Promise<boolean> {
  return servicesOf(dir, ({ keks }) =>
    keks.unwrap(wrapped, place).then(
      () => true,
      (error: unknown) => {
        if (error instanceof KeyRefused) return false;
        throw error;
      },
    ),
  );
}
