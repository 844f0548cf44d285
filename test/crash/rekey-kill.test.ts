import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { loadOperated, openServices } from '../../src/cli/operator.ts';
import { customerKeyOf } from '../../src/uploads/customer-key-of.ts';
import { isRekeying } from '../../src/uploads/rekey/lease.ts';
import { readWhole } from '../../src/uploads/rekey/prove.ts';
import { targetOf, type Services } from '../../src/uploads/services.ts';
import type { Upload } from '../../src/uploads/upload.ts';
import { sendByFetch, trust } from '../integration/support-clients.ts';
import { randomBody } from '../integration/support-service.ts';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { waitUntil } from '../support/processes.ts';
import { environment, runToEnd, startService, type Answer, type Service } from '../support/service.ts';
import { MOMENTS, s3Proxy, type Passing, type S3Proxy } from './s3-proxy.ts';

/** Of each kind of bucket and way to write. */
const KILLS = Number(process.env['SEALSLOT_REKEY_KILLS'] ?? 5);
/** A kill comes after at most so many requests: re-keys of three objects make about thirty. */
const MOST_REQUESTS = 20;
const SIZES = [5, 300_000, 20_000_000];
/** Streamed in parts. */
const IN_PARTS = 70_000_000;
const BODIES = new Map([...SIZES, IN_PARTS].map((size) => [size, randomBody(size)]));
const NEVER = new AbortController().signal;
const minio = await available(startMinio);
after(() => minio.stop());

const KINDS = [true, false].flatMap((versioning) =>
  (['copy', 'stream'] as const).map((by) => ({ versioning, by })),
);

describe(
  `SIGKILL within a re-key, ${KINDS.length * KILLS} times`,
  { skip: minio.skip, concurrency: 2 },
  () => {
    before(() => trust(minio.get().caPem));

    it('when the lease of the killed one has ended, the next goes on by itself', async () => {
      await using world = await makeWorld({ versioning: true, by: 'copy' });
      const slots = await arrive(world, [300_000]);
      const where = await rekeyUntilKilled(
        world,
        slots,
        ({ moment, method }) => moment === 'sent' && method === 'PUT',
      );
      assert.ok(where !== undefined, 'control: it was killed');
      await ends(world, slots, 120_000);
    });

    for (const { versioning, by } of KINDS) {
      it(`by ${by}, ${versioning ? 'with' : 'without'} versions: every version opens by a key in the store, and it goes on`, async (t) => {
        await using world = await makeWorld({ versioning, by });
        await killAndGoOn(t, world, by === 'copy' ? SIZES : [...SIZES, IN_PARTS]);
      });
    }
  },
);

interface Kind {
  readonly versioning: boolean;
  readonly by: 'copy' | 'stream';
}

/** What outlives a service: its folder and its S3, seen through a proxy. */
interface World extends AsyncDisposable {
  readonly kind: Kind;
  readonly proxy: S3Proxy;
  readonly dir: string;
  start(): Promise<Service>;
  call(service: Service, method: string, path: string, body?: unknown): Promise<Answer>;
}

interface Slot {
  readonly id: string;
  readonly size: number;
  /** The version that was uploaded. */
  readonly versionId: string | null;
}

async function makeWorld(kind: Kind): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const proxy = stack.use(await s3Proxy(minio.get(), { refusesCopies: kind.by === 'stream' }));
  trust(proxy.server.caPem);
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-rekey-kill-'));
  stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const bucket = `rekey-${kind.versioning ? 'versions' : 'plain'}-${randomInt(1e9)}`;
  await minio.get().createBucket(bucket, { versioning: kind.versioning });

  const options = { dir, s3: proxy.server, yaml: `  other: { target: main, bucket: ${bucket} }\n` };
  // An orderly end writes Node's compile cache, which makes the restarts quicker.
  await (await startService(options)).stop();
  const scopes = 'uploads:write,uploads:read,objects:read,keys:rotate';
  const made = ['api-key', 'create', '--tenant', 'other', '--name', 'rotator', '--scopes', scopes];
  const headers = { authorization: `Bearer ${(await runToEnd(dir, {}, made)).trim()}` };
  const owned = stack.move();
  return {
    ...{ kind, proxy, dir },
    start: () => startService(options),
    call: (service, method, path, body) =>
      service.call(method, path, { headers, ...(body !== undefined && { body }) }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function killAndGoOn(t: TestContext, world: World, sizes: readonly number[]): Promise<void> {
  const places: string[] = [];
  while (places.length < KILLS) {
    const slots = await arrive(world, sizes);
    for (let goesOn = true; goesOn && places.length < KILLS;) {
      const isThere = places.length % 2 === 0 ? atWrite() : atRequest(randomInt(1, MOST_REQUESTS + 1));
      const place = await rekeyUntilKilled(world, slots, isThere);
      goesOn = place !== undefined;
      if (place === undefined) continue;
      places.push(place);
      await inStore(world, async (services) => {
        for (const slot of slots) await allOpen(services, slot, await stored(services, slot));
        await endLeases(services, slots);
      });
    }
    await ends(world, slots, 60_000);
  }
  t.diagnostic(`killed at ${places.join(', ')}`);
}

type IsThere = (passing: Passing) => boolean;

function atRequest(nth: number): IsThere {
  const moment = MOMENTS[randomInt(MOMENTS.length)];
  let seen = 0;
  return (passing) => passing.moment === moment && ++seen === nth;
}

/** One of the first things that change the bucket. */
function atWrite(): IsThere {
  const moment = MOMENTS[randomInt(MOMENTS.length)];
  let left = randomInt(1, 4);
  return (passing) => passing.moment === moment && ['PUT', 'POST'].includes(passing.method) && --left === 0;
}

async function arrive(world: World, sizes: readonly number[]): Promise<Slot[]> {
  await using service = await world.start();
  const slots: Slot[] = [];
  for (const size of sizes) {
    const { body: slot } = await world.call(service, 'POST', '/v1/uploads', {
      contentType: 'text/plain',
      size,
    });
    assert.equal((await sendByFetch({ ...slot.request, body: bodyOf(size) })).status, 200);
    const { status, body } = await world.call(service, 'POST', `/v1/uploads/${String(slot.id)}/complete`);
    assert.equal(status, 200, JSON.stringify(body));
    slots.push({ id: String(slot.id), size, versionId: body.versionId ?? null });
  }
  return slots;
}

/** @returns what was under way; undefined when all re-keys were over before. */
async function rekeyUntilKilled(
  world: World,
  slots: readonly Slot[],
  isThere: IsThere,
): Promise<string | undefined> {
  const begun = await inStore(world, async (services) => {
    const uploads = await Promise.all(slots.map((slot) => stored(services, slot)));
    return new Set(
      uploads.filter((upload) => upload.generation > 1 || isRekeying(upload)).map(({ id }) => id),
    );
  });
  await using service = await world.start();
  const killed = Promise.withResolvers<string>();
  let dead: Promise<void> | undefined;
  world.proxy.watch = async (passing) => {
    if (dead === undefined && isThere(passing)) {
      dead = service.kill();
      killed.resolve(placeOf(passing));
    }
    await dead;
  };
  async function rekeyAll(): Promise<undefined> {
    for (const { id } of slots.filter((slot) => !begun.has(slot.id))) {
      const { status, body } = await world.call(service, 'POST', `/v1/uploads/${id}/rekey`);
      assert.equal(status, 202, JSON.stringify(body));
    }
    await over(world, service, slots, 60_000);
  }
  const all = rekeyAll().catch((error: unknown) => {
    if (dead === undefined) throw error;
    return undefined;
  });
  try {
    return await Promise.race([killed.promise, all]);
  } finally {
    await service.kill();
    await all;
    world.proxy.watch = undefined;
  }
}

function placeOf({ moment, method, url }: Passing): string {
  const query = [...url.searchParams.keys()].filter((name) => !['x-id', 'versionId'].includes(name));
  return [method, ...query, moment].join(' ');
}

async function over(
  world: World,
  service: Service,
  slots: readonly Slot[],
  timeoutMs: number,
): Promise<void> {
  for (const { id } of slots) {
    const isOver = async () =>
      (await world.call(service, 'GET', `/v1/uploads/${id}`)).body.rekeying === undefined;
    await waitUntil(`the re-key of ${id}`, isOver, { timeoutMs });
  }
}

/** Without another kill. */
async function ends(world: World, slots: readonly Slot[], timeoutMs: number): Promise<void> {
  await using service = await world.start();
  await inStore(world, async (services) => {
    for (const slot of slots) {
      if ((await stored(services, slot)).generation === 1 && !isRekeying(await stored(services, slot)))
        await world.call(service, 'POST', `/v1/uploads/${slot.id}/rekey`);
    }
  });
  await over(world, service, slots, timeoutMs);
  await service.stop();
  await inStore(world, async (services) => {
    for (const slot of slots) await isWhole(world.kind, services, slot);
  });
}

async function isWhole({ versioning }: Kind, services: Services, slot: Slot): Promise<void> {
  const upload = await stored(services, slot);
  assert.deepEqual([upload.generation, upload.nextGeneration, upload.nextCheckAt], [2, null, null]);
  const count = await allOpen(services, slot, upload);
  const generations = (await services.store.keys.all(slot.id)).map(({ generation }) => generation);
  if (!versioning) {
    assert.equal(count, 1);
    assert.deepEqual(generations, [2], 'the old key has gone');
    return;
  }
  assert.ok(count >= 2, 'the old version stays');
  assert.deepEqual(generations, [1, 2]);
  const old = await read(services, { ...upload, versionId: slot.versionId }, 1);
  assert.equal(old?.sha256, sha256(bodyOf(slot.size)), 'by its own key');
}

/** @returns how many versions there are, each read back equal by exactly one key in the store; the slot's own by its current key. */
async function allOpen(services: Services, slot: Slot, upload: Upload): Promise<number> {
  const digest = sha256(bodyOf(slot.size));
  const { objects } = targetOf(services, upload.target);
  const { versions } = await objects.remains(upload.bucket, upload.objectKey);
  const keys = await services.store.keys.all(slot.id);
  for (const { versionId } of versions) {
    const reads = await Promise.all(
      keys.map(({ generation }) => read(services, { ...upload, versionId }, generation)),
    );
    const opening = reads.filter((contents) => contents?.sha256 === digest);
    assert.equal(opening.length, 1, `version ${String(versionId)} of ${slot.size} bytes`);
  }
  if (upload.versionId !== null)
    assert.equal((await read(services, upload, upload.generation))?.sha256, digest, 'a download goes on');
  return versions.length;
}

async function read(services: Services, upload: Upload, generation: number) {
  const { bucket, objectKey, versionId } = upload;
  const key = await customerKeyOf(services, { ...upload, generation });
  const { content } = targetOf(services, upload.target);
  return readWhole(content, { bucket, objectKey, versionId }, key, NEVER);
}

/** The production services on the store of the world's folder. */
async function inStore<T>(world: World, work: (services: Services) => Promise<T>): Promise<T> {
  const config = await loadOperated(environment(world.dir), 'other');
  await using operated = await openServices(config);
  return await work(operated.services);
}

async function stored({ store }: Services, { id }: Slot): Promise<Upload> {
  const upload = await store.uploads.get('other', id);
  assert.ok(upload, `the slot ${id}`);
  return upload;
}

/** In place of waiting for it. */
async function endLeases(services: Services, slots: readonly Slot[]): Promise<void> {
  for (const slot of slots) {
    const { id, nextCheckAt } = await stored(services, slot);
    if (nextCheckAt !== null)
      await services.store.uploads.update(id, ['uploaded'], { nextCheckAt: services.now() });
  }
}

function bodyOf(size: number): Buffer {
  const body = BODIES.get(size);
  assert.ok(body);
  return body;
}

const sha256 = (body: Buffer): string => createHash('sha256').update(body).digest('base64');
