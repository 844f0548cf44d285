import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { after, before, describe, it, type TestContext } from 'node:test';
import {
  custodyOf,
  downloads,
  insert,
  kmsWrapper,
  load,
  servicesOf,
  setCustody,
  temporaryFolder,
  unreadable,
  upload,
  type HandedOut,
} from '../integration/support-custody.ts';
import { trust } from '../integration/support-clients.ts';
import { available } from '../support/available.ts';
import { sealslotIn } from '../support/doctor.ts';
import { noonOf } from '../support/harness.ts';
import { startKms, type KmsProxy } from '../support/kms.ts';
import { startMinio } from '../support/minio.ts';
import { environment, setUp, startService } from '../support/service.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

/** Under intermediate keys, of so many days. */
const INDIRECT = 10_000;
const DAYS = 20;
/** By the KEK itself. Each costs several calls of a KMS that answers a few hundred a second here. */
const DIRECT = Number(process.env['SEALSLOT_REWRAP_DIRECT'] ?? 600);
const OBJECTS = 3;
const KILLS = 10;
const DAY_MS = 86_400_000;

const kms = await available(startKms);
const minio = await available(startMinio);
after(async () => {
  await kms.stop();
  await minio.stop();
});

interface Move {
  /** The wrapper to move to. */
  readonly to: string;
  /** How often KMS is called for a batch of 100 direct keys. */
  readonly callsOfBatch: number;
  /** The wrappers while keys move. @param endpoint by which KMS is asked. */
  readonly during: (endpoint: string) => Readonly<Record<string, object>>;
  /** When all are moved. */
  readonly afterwards: Readonly<Record<string, object>>;
}

describe(
  `sealslot rewrap, killed ${KILLS} times`,
  { skip: kms.skip || minio.skip, timeout: 1_200_000 },
  () => {
    before(async () => {
      trust(minio.get().caPem);
      await minio.get().createBucket('uploads');
    });

    it('from one KMS key to another, by two wrappers', async (t) => {
      const [a, b] = [await kms.get().createKey(), await kms.get().createKey()];
      await moves(t, a, { 'kms-a': kmsWrapper(kms.get(), a) }, async () => ({
        to: 'kms-b',
        callsOfBatch: 400,
        during: (endpoint) => ({
          'kms-a': kmsWrapper(kms.get(), a, endpoint),
          'kms-b': kmsWrapper(kms.get(), b, endpoint),
        }),
        afterwards: { 'kms-b': kmsWrapper(kms.get(), b) },
      }));
    });

    it('from one KMS key to another, by an alias that is moved', async (t) => {
      const [a, b] = [await kms.get().createKey(), await kms.get().createKey()];
      await kms.get().createAlias('alias/sealslot', a);
      const wrappers = (endpoint?: string) => ({ kms: kmsWrapper(kms.get(), 'alias/sealslot', endpoint) });
      await moves(t, a, wrappers(), async () => {
        await kms.get().moveAlias('alias/sealslot', b);
        return { to: 'kms', callsOfBatch: 300, during: wrappers, afterwards: wrappers() };
      });
    });
  },
);

/** @param begin once everything is under the key `from`. */
async function moves(
  t: TestContext,
  from: string,
  wrappers: Readonly<Record<string, object>>,
  begin: () => Promise<Move>,
): Promise<void> {
  await using folder = await temporaryFolder();
  const dir = folder.path;
  const [current = ''] = Object.keys(wrappers);
  await setUp(dir, { s3: minio.get() });
  const handedOut = await fill(dir, current, wrappers);
  const uploaded: string[] = [];
  {
    await using service = await startService({ dir });
    while (uploaded.length < OBJECTS) uploaded.push(await upload(service, handedOut));
    await service.stop();
  }

  const { to, callsOfBatch, during, afterwards } = await begin();
  await setCustody(dir, custodyOf({ current: to, wrappers: during(kms.get().endpoint), hierarchy: {} }));
  // Direct keys go to direct ones: that takes the most calls, and so has the most places to be killed in.
  await using beside = await kms.get().proxy();
  const config = await configBeside(dir, custodyOf({ current: to, wrappers: during(beside.endpoint) }));

  await using service = await startService({ dir });
  await using running = load(service, handedOut, uploaded, 2);
  const points: number[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    // Within the first batch mostly, and three times behind one: there is always something left for the next.
    const calls = randomInt(callsOfBatch) + (kill % 3 === 1 ? callsOfBatch : 0);
    await killed(dir, config, to, beside, calls);
    points.push(calls);
  }
  const began = Date.now();
  const last = await rewrapTo(dir, config, to).ended;
  const took = Date.now() - began;
  await running.stop();
  assert.equal(last.code, 0, last.stderr);
  t.diagnostic(
    `killed after ${points.join(', ')} calls of KMS; the last run took ${took} ms: ${last.stdout.trim()}; ${running.answers} calls of the service meanwhile`,
  );
  assert.deepEqual(running.wrong.slice(0, 5), []);
  assert.ok(running.answers > 0, 'control: there was a load');
  await service.stop();

  await setCustody(dir, custodyOf({ current: to, wrappers: afterwards, hierarchy: {} }));
  kms.get().refuse(from);
  kms.get().forget();
  assert.deepEqual(await unreadable(dir, handedOut), []);
  await using restarted = await startService({ dir });
  await downloads(restarted, uploaded);
  await restarted.stop();
  const status = await sealslotIn(dir, 'kek', 'status', '--json');
  assert.equal(status.exitCode, 0, status.stderr);
  assert.ok(!status.stdout.includes(from), status.stdout);
  assert.ok(kms.get().count() > DIRECT, 'control: calls are counted');
  assert.equal(kms.get().count(undefined, from), 0);
}

async function fill(
  dir: string,
  current: string,
  wrappers: Readonly<Record<string, object>>,
): Promise<HandedOut> {
  const all: HandedOut = new Map();
  await setCustody(dir, custodyOf({ current, wrappers }));
  for (const [id, key] of await insert(dir, DIRECT)) all.set(id, key);
  await setCustody(dir, custodyOf({ current, wrappers, hierarchy: {} }));
  const noon = noonOf(Date.now());
  for (let day = 0; day < DAYS; day += 1) {
    for (const [id, key] of await insert(dir, INDIRECT / DAYS, noon - day * DAY_MS)) all.set(id, key);
  }
  assert.equal(all.size, DIRECT + INDIRECT);
  await servicesOf(dir, async ({ store }) => assert.equal((await store.intermediates.list()).length, DAYS));
  return all;
}

/** The same configuration but for its custody: the command has a KMS of its own to be counted at. */
async function configBeside(dir: string, custody: string): Promise<string> {
  const yaml = await readFile(join(dir, 'sealslot.yaml'), 'utf8');
  const file = join(dir, 'beside.yaml');
  await writeFile(
    file,
    yaml.replace(/^custody: .*$/m, () => `custody: ${custody}`),
    { mode: 0o600 },
  );
  return file;
}

function rewrapTo(dir: string, config: string, to: string) {
  const child = spawn(process.execPath, [MAIN, 'rewrap', '--to', to, '--json'], {
    cwd: dir,
    env: { ...environment(dir), SEALSLOT_CONFIG: config },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  const ended = exit.then(async ([code]) => {
    const [stdout, stderr] = await said;
    return { code, stdout, stderr };
  });
  return { child, ended };
}

/** @param calls of KMS that it makes before. */
async function killed(
  dir: string,
  config: string,
  to: string,
  proxy: KmsProxy,
  calls: number,
): Promise<void> {
  proxy.forget();
  const { child, ended } = rewrapTo(dir, config, to);
  while (proxy.count() < calls && child.exitCode === null) await turn();
  child.kill('SIGKILL');
  const { code, stdout, stderr } = await ended;
  assert.equal(code, null, `it was over before it was killed: ${stdout}${stderr}`);
}
