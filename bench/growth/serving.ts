import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { localWrapper } from '../../src/custody/adapters/local.ts';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { readKekFile } from '../../src/custody/kek-file.ts';
import type { Store } from '../../src/store/port.ts';
import { placeOf } from '../../src/uploads/services.ts';
import { postgresStore, type Postgres } from '../../test/support/postgres.ts';
import { environment, kekPath, setUp, startService } from '../../test/support/service.ts';
import { startProcess } from '../../test/support/processes.ts';
import { startStubS3 } from '../../test/support/stub-s3.ts';
import { Mix } from '../load/mix.ts';
import { runLoad } from '../load/run.ts';
import type { Summary } from '../load/tally.ts';
import type { PostgresWorld } from './postgres-worlds.ts';
import type { LoopDelay } from './probe.ts';
import { markdown } from './report.ts';
import { TENANT } from './shape.ts';
import { sqlitePath } from './sqlite-worlds.ts';
import { countDue, makeDue, postponeDue, type World } from './world.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const RATE = 50;
const CONNECTIONS = 16;
const QUIET_SECONDS = 10;
/** Of what is due; the rest of the time the jobs have nothing to do. */
const DUE = 5_000;
const MOST_SECONDS = 30;
/** Keys under a KEK of its own each, as they are without `custody.hierarchy`. */
const TO_REWRAP = 5_000;
const AT_ONCE = 500;

export interface Served {
  readonly kind: string;
  /** Where the KEK of earlier runs is. */
  readonly folder: string;
  readonly world: World | PostgresWorld;
  readonly open: () => Promise<Store>;
  readonly postgres?: Postgres;
}

/**
 * How late the event loop of a service is on a large store: with a light load, beside its jobs with much to do, and beside `sealslot rewrap`;
 * and what the load's requests took.
 */
export async function measureServing(served: Served): Promise<void> {
  const { kind, folder, world, postgres } = served;
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-growth-service-'));
  const keptKek = join(folder, `kek-${kind}.json`);
  const s3 = await startStubS3();
  for (const bucket of ['uploads', 'acme-uploads']) await s3.createBucket(bucket, { versioning: true });
  try {
    const store =
      postgres === undefined || !('database' in world)
        ? `{ kind: sqlite, path: ${sqlitePath(folder, world.slots)} }`
        : postgresStore(world.database, postgres);
    await setUp(dir, { s3: { ...s3, name: 'minio', source: 'stub' }, store });
    if (existsSync(keptKek)) await cp(keptKek, kekPath(dir));
    await cp(kekPath(dir), keptKek);
    await wrapAnew(served, kekPath(dir));

    await postponeDue(world, Date.now() + 3_600_000);

    const socket = join(dir, 'probe');
    const probe = new URL(`./probe.ts?socket=${socket}`, import.meta.url).href;
    const begun = performance.now();
    await using service = await startService({ dir, nodeArgs: ['--import', probe] });
    const startedMs = performance.now() - begun;
    const rows: string[][] = [];
    const asked = (): Promise<LoopDelay> => ask(socket);
    /** One phase with the load beside it. */
    async function phase(
      name: string,
      work: (stop: AbortSignal) => Promise<string | undefined>,
    ): Promise<void> {
      await asked();
      const stop = new AbortController();
      const load = runLoad({
        urls: [service.url],
        token: service.token,
        mix: new Mix({ createOnce: 3, get: 1, list: 0.2 }),
        connections: CONNECTIONS,
        seconds: MOST_SECONDS,
        rate: RATE,
        signal: stop.signal,
      });
      const said = await work(stop.signal);
      const loop = await asked();
      stop.abort();
      rows.push(cells(said === undefined ? name : `${name}, ${said}`, loop, await load));
    }

    await delay(2_000);
    const { max } = await asked();
    console.log(
      `${kind}, ${world.slots} slots: ready after ${startedMs.toFixed(0)} ms; at the start the event loop was late by ${max.toFixed(0)} ms at most`,
    );
    const drained = async (stop: AbortSignal): Promise<number> => {
      let left = Infinity;
      while (!stop.aborted && left > 0) {
        await delay(500);
        left = await countDue(world, Date.now());
      }
      return left;
    };
    await phase('a light load', () => delay(QUIET_SECONDS * 1_000, undefined));
    await makeDue(world, DUE, Date.now());
    await phase('its jobs', async (stop) => {
      const from = await countDue(world, Date.now());
      const begun = performance.now();
      const limit = AbortSignal.any([stop, AbortSignal.timeout(MOST_SECONDS * 1_000)]);
      const left = await drained(limit);
      return `${from - left} of ${from} due in ${((performance.now() - begun) / 1_000).toFixed(0)} s`;
    });
    await toEnd(dir, ['kek', 'rotate', '--wrapper', 'local']);
    // A running service reads its KEK file every five seconds, and says what it holds.
    await delay(6_000);
    await phase('rewrap', async () => {
      const begun = performance.now();
      const said = await toEnd(dir, ['rewrap', '--to', 'local']);
      // That the intermediate key of the fill is wrapped by nobody is no news.
      const line = said.split('\n').find((one) => one.startsWith('object keys: '));
      return `${line ?? said} in ${((performance.now() - begun) / 1_000).toFixed(0)} s`;
    });
    await cp(kekPath(dir), keptKek);
    await service.stop();
    console.log(
      `\n${markdown(['beside', 'loop p50', 'p99', 'max', 'busy', 'answers', 'p50', 'p99', 'max', 'errors'], rows)}\n`,
    );
  } finally {
    await s3.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

function cells(name: string, loop: LoopDelay, { all, errors, answered }: Summary): string[] {
  const failed = Object.entries(errors).map(([error, count]) => `${error} × ${count}`);
  return [
    name,
    ...[loop.p50, loop.p99, loop.max].map((ms) => ms.toFixed(1)),
    `${(100 * loop.utilization).toFixed(0)} %`,
    String(answered),
    ...[all.p50, all.p99, all.max].map((ms) => ms.toFixed(1)),
    failed.length === 0 ? 'none' : failed.join(', '),
  ];
}

/** So many keys of all ages are under the service's KEK, unless an earlier run has seen to it. */
async function wrapAnew({ world, open }: Served, kekFile: string): Promise<void> {
  const store = await open();
  const wrapper = localWrapper({ id: 'local', ring: await readKekFile(kekFile) });
  try {
    const ids = world.known.any.slice(0, TO_REWRAP);
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const changes = ids.slice(at, at + AT_ONCE).map(async (uploadId) => {
        const upload = await store.uploads.get(TENANT, uploadId);
        const stored = await store.keys.get(uploadId, 1);
        if (upload === undefined || stored === undefined || stored.wrapped.wrapperId === 'local') return [];
        const to = await wrapper.wrap(CustomerKey.generate(), placeOf(upload, 1));
        return [{ uploadId, generation: 1, from: stored.wrapped, to }];
      });
      await store.keys.replace((await Promise.all(changes)).flat());
    }
  } finally {
    wrapper.close();
    await store.close();
  }
}

/** `sealslot …` beside the service. @returns what it said. */
async function toEnd(dir: string, args: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const running = await startProcess(process.execPath, [MAIN, ...args], {
    cwd: dir,
    env: environment(dir) as Record<string, string>,
    log: (line) => lines.push(line),
  });
  const code = await running.ended;
  return [...lines, ...(code === 0 ? [] : [`ended with ${code}`])].join('\n');
}

function ask(socketPath: string): Promise<LoopDelay> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/' }, (response) => {
      text(response).then((said) => resolve(JSON.parse(said) as LoopDelay), reject);
    })
      .once('error', reject)
      .end();
  });
}
