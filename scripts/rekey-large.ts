import assert from 'node:assert/strict';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { S3Client } from '@aws-sdk/client-s3';
import { loadOperated, openServices } from '../src/cli/operator.ts';
import { CustomerKey } from '../src/custody/customer-key.ts';
import { adoptObject } from '../src/uploads/adopt.ts';
import { customerKeyOf } from '../src/uploads/customer-key-of.ts';
import { isRekeying } from '../src/uploads/rekey/lease.ts';
import { readWhole } from '../src/uploads/rekey/prove.ts';
import { targetOf, type Services } from '../src/uploads/services.ts';
import type { Upload } from '../src/uploads/upload.ts';
import { s3Proxy } from '../test/crash/s3-proxy.ts';
import { startMinio } from '../test/support/minio.ts';
import type { S3Server } from '../test/support/s3-server.ts';
import { environment, runToEnd, setUp } from '../test/support/service.ts';
import { Checks } from './checks.ts';
import { startLife, until, type Life, type Used } from './rekey-large/lives.ts';
import { clientOf, partsWritten, putLarge, type LargeObject } from './rekey-large/object.ts';

// Re-keys one object that is larger than S3 copies in one piece, killing the service while it is written and while it is read back, on
// a real MinIO. Takes many minutes and four times the object's size on the disk of the temporary folder. Linux only.
const SIZE = 6_000_000_001;
/** Of which 180 MB are there before anything is asked. */
const MOST_MEMORY = 350_000_000;
const READ_BEFORE_KILL = 6;
const TENANT = 'acme';
const KINDS = ['copy-versions', 'copy-plain', 'stream-versions', 'stream-plain'] as const;
type Kind = (typeof KINDS)[number];

interface World {
  readonly kind: Kind;
  readonly dir: string;
  readonly client: S3Client;
  readonly services: Services;
  readonly object: LargeObject;
  readonly id: string;
  readonly size: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly stop: AbortSignal;
}

async function rekeyLarge(minio: S3Server, kind: Kind, size: number, stop: AbortSignal): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const { bsize, bavail } = await statfs(tmpdir());
  assert.ok(bsize * bavail > 4 * size, `${tmpdir()} needs ${gigabytes(4 * size)}`);
  await minio.createBucket(kind, { versioning: kind.endsWith('versions') });
  const s3 = kind.startsWith('stream')
    ? stack.use(await s3Proxy(minio, { refusesCopies: true })).server
    : minio;
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-rekey-large-'));
  stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  await setUp(dir, { s3 });
  const scopes = 'uploads:read,keys:rotate';
  const made = ['api-key', 'create', '--tenant', TENANT, '--name', 'rotator', '--scopes', scopes];
  const headers = { authorization: `Bearer ${(await runToEnd(dir, {}, made)).trim()}` };

  const client = clientOf(minio);
  stack.defer(() => client.destroy());
  const put = seconds();
  const object = await putLarge(client, { bucket: kind, objectKey: 'large' }, size, stop);
  print(`put by parts in ${put()}`);
  const { services } = stack.use(await openServices(await loadOperated(environment(dir), TENANT)));
  const key = CustomerKey.fromBytes(object.key);
  const adopted = await adoptObject(services, TENANT, { ...object, key });
  assert.ok(adopted.kind === 'adopted', adopted.kind);

  const world = { kind, dir, client, services, object, id: adopted.id, size, headers, stop };
  const total = seconds();
  const used = [await killed(world, 'while it is written', isBeingWritten)];
  used.push(await killed(world, 'while it is read back', isBeingProven));
  used.push(await brought(world));
  const peak = Math.max(...used.map(({ peakMemory }) => peakMemory));
  const took = total();
  const versions = await allOpen(world);
  const summary =
    `${took} with both kills, ${gigabytes(used.reduce((sum, { read }) => sum + read, 0))} read, ` +
    `peak memory ${Math.round(peak / 1e6)} MB; versions read back: ${versions}`;
  assert.ok(peak < MOST_MEMORY, summary);
  return summary;
}

/** One life of the service: until so far, then SIGKILL. */
async function killed(
  world: World,
  when: string,
  isSoFar: (world: World, life: Life) => Promise<() => Promise<boolean>>,
): Promise<Used> {
  await using life = await startLife(world.dir);
  const lived = seconds();
  await begin(world, life);
  await until(when, await isSoFar(world, life), world);
  const used = await life.used();
  await life.service.kill();
  print(`killed ${when}, after ${lived()}; ${told(used)}`);
  return used;
}

/** POST …/rekey, in every life: repeatable. */
async function begin({ id, headers }: World, { service }: Life): Promise<void> {
  const { status } = await service.call('POST', `/v1/uploads/${id}/rekey`, { headers });
  assert.equal(status, 202);
}

/** A quarter of the parts is there. */
async function isBeingWritten(world: World): Promise<() => Promise<boolean>> {
  const { client, kind, object, size } = world;
  const parts = Math.ceil(size / (kind.startsWith('copy') ? 512 : 8) / 1024 ** 2);
  return async () => {
    const uploadId = await unfinished(world);
    return uploadId !== undefined && (await partsWritten(client, object, uploadId)) >= parts / 4;
  };
}

/** It is whole under the new key, and a sixth of it has been read since. */
async function isBeingProven(world: World, life: Life): Promise<() => Promise<boolean>> {
  const [left, { nextCheckAt }] = [await unfinished(world), await stored(world)];
  const started = seconds();
  await until('the end of the lease', async () => (await stored(world)).nextCheckAt !== nextCheckAt, world);
  print(`taken over after ${started()}`);
  const reading = seconds();
  await until('writing', async () => ![left, undefined].includes(await unfinished(world)), world);
  print(`the old object read in ${reading()}`);
  const writing = seconds();
  await until('the whole object', () => isWritten(world), world);
  print(`written in ${writing()}`);
  const { read } = await life.used();
  return async () => (await life.used()).read > read + world.size / READ_BEFORE_KILL;
}

/** The id of an upload in parts that S3 has of the object. */
async function unfinished({ services, object }: World): Promise<string | undefined> {
  const { objects } = targetOf(services, 'main');
  return (await objects.remains(object.bucket, object.objectKey)).multipartUploadIds[0];
}

async function isWritten(world: World): Promise<boolean> {
  const { services, object } = world;
  const upload = await stored(world);
  if (upload.versionId === null) return upload.generation === 2;
  const { versions } = await targetOf(services, 'main').objects.remains(object.bucket, object.objectKey);
  return versions.length === 2;
}

/** The last life: to the end of the re-key, and its own. */
async function brought(world: World): Promise<Used> {
  await using life = await startLife(world.dir);
  const lived = seconds();
  const path = `/v1/uploads/${world.id}`;
  await until(
    'the re-key',
    async () => {
      const answer = await life.service.call('GET', path, { headers: world.headers });
      return (answer.body as { rekeying?: true }).rekeying === undefined;
    },
    world,
  );
  const used = await life.used();
  print(`ended after ${lived()}; ${told(used)}`);
  await life.service.stop();
  return used;
}

/** @returns how many versions there are: each reads back whole and equal by one key in the store. */
async function allOpen(world: World): Promise<number> {
  const { services, kind, object, stop } = world;
  const upload = await stored(world);
  assert.deepEqual([upload.generation, isRekeying(upload)], [2, false]);
  const generations = (await services.store.keys.all(upload.id)).map(({ generation }) => generation);
  const isPlain = kind.endsWith('plain');
  assert.deepEqual(generations, isPlain ? [2] : [1, 2]);
  const { objects, content } = targetOf(services, 'main');
  const { versions, multipartUploadIds } = await objects.remains(object.bucket, object.objectKey);
  assert.deepEqual([versions.length, multipartUploadIds.length], [isPlain ? 1 : 2, 0]);
  for (const { versionId } of versions) {
    const opening = [];
    for (const generation of generations) {
      const key = await customerKeyOf(services, { ...upload, generation });
      const read = await readWhole(content, { ...object, versionId }, key, stop);
      if (read?.sha256 === object.sha256) opening.push(generation);
    }
    assert.deepEqual(opening, [isPlain || versionId === upload.versionId ? 2 : 1]);
  }
  return versions.length;
}

async function stored({ services, id }: World): Promise<Upload> {
  const upload = await services.store.uploads.get(TENANT, id);
  assert.ok(upload);
  return upload;
}

const print = (line: string): void => void process.stdout.write(`   ${line}\n`);
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
const told = ({ peakMemory, read }: Used): string =>
  `${gigabytes(read)} read, peak memory ${Math.round(peakMemory / 1e6)} MB`;

function seconds(): () => string {
  const from = performance.now();
  return () => `${Math.round((performance.now() - from) / 1000)} s`;
}

const { values, positionals } = parseArgs({
  options: { bytes: { type: 'string', default: String(SIZE) } },
  allowPositionals: true,
});
const interrupted = new AbortController();
// `on`, not `once`: while a listener is there, nothing else ends this process before it has cleaned up.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort());
const checks = new Checks();
for (const kind of KINDS) {
  if (interrupted.signal.aborted || (positionals.length > 0 && !positionals.includes(kind))) continue;
  // Its disk is given back before the next.
  await using minio = await startMinio({ log: print });
  await checks.check(kind, () => rekeyLarge(minio, kind, Number(values.bytes), interrupted.signal));
}
checks.sumUp();
process.exit(interrupted.signal.aborted ? 130 : process.exitCode);
