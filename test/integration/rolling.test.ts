import assert from 'node:assert/strict';
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startBalancer, type Balancer } from '../support/balancer.ts';
import { waitUntil } from '../support/processes.ts';
import { postgresStore, startPostgres, type PostgresDatabase } from '../support/postgres.ts';
import { setUp, startService, type Service } from '../support/service.ts';
import { temporaryFolder, unreadable, type HandedOut } from './support-custody.ts';
import { endsWell } from './support-faults.ts';

const postgres = await available(() => startPostgres());
const ROOT = new URL('../..', import.meta.url).pathname;
const ASK = { contentType: 'text/plain', size: 5 };
const KEY = 'x-amz-server-side-encryption-customer-key';
const CLIENTS = 6;
/** Long enough for a balancer that has to share a busy machine. */
const YAML = 'shutdown: { drainSeconds: 3 }\n';

interface Load {
  readonly answers: () => number;
  readonly wrong: readonly string[];
  /** Customer keys as they were handed out, by slot. */
  readonly handedOut: HandedOut;
  stop(): Promise<void>;
}

/** Clients that keep their connections and try nothing twice: slots, their requests, pages of the list. */
function load(url: string, token: string): Load {
  const wrong: string[] = [];
  const handedOut: HandedOut = new Map();
  let answers = 0;
  let isStopped = false;

  async function call(method: string, path: string, body?: object) {
    const answer = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    answers += 1;
    return JSON.parse(text) as { id: string; request: { headers: Record<string, string> } };
  }

  async function client(): Promise<void> {
    while (!isStopped) {
      try {
        const slot = await call('POST', '/v1/uploads', ASK);
        handedOut.set(slot.id, slot.request.headers[KEY] ?? '');
        const again = await call('POST', `/v1/uploads/${slot.id}/request`);
        if (again.request.headers[KEY] !== handedOut.get(slot.id)) wrong.push(`another key for ${slot.id}`);
        await call('GET', `/v1/uploads/${slot.id}`);
        await call('GET', '/v1/uploads?limit=10');
      } catch (error) {
        const { message, cause } = error as Error;
        wrong.push(cause instanceof Error ? `${message}: ${cause.message}` : message);
      }
    }
  }

  const running = Array.from({ length: CLIENTS }, client);
  return {
    answers: () => answers,
    wrong,
    handedOut,
    async stop() {
      isStopped = true;
      await Promise.all(running);
    },
  };
}

describe(
  'replicas on one PostgreSQL, restarted under load',
  { skip: postgres.skip, timeout: 600_000 },
  () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>;
    let database: PostgresDatabase;
    let options: Parameters<typeof startService>[0] & { dir: string };
    let balancer: Balancer;
    let replicas: Service[];
    let token: string;

    const start = async (program?: string): Promise<Service> => {
      const service = await startService({ ...options, ...(program !== undefined && { program }) });
      balancer.add(service);
      await waitUntil('the balancer to see it', () => balancer.isReady(service));
      return service;
    };
    /** SIGTERM while it is in the balancer. */
    const end = async (service: Service): Promise<void> => {
      await endsWell(service);
      balancer.remove(service);
    };
    /** Before and after: so that each of the two has answered meanwhile. */
    const some = async (under: Load): Promise<void> => {
      const before = under.answers();
      await waitUntil('some answers', () => under.answers() > before + 50);
    };

    before(async () => {
      folder = await temporaryFolder();
      database = await postgres.get().createDatabase();
      options = { dir: folder.path, store: postgresStore(database, postgres.get()), yaml: YAML };
      await setUp(folder.path, options);
      token = (await readFile(join(folder.path, 'token'), 'utf8')).trim();
      balancer = await startBalancer();
      replicas = [await start(), await start()];
    });
    after(async () => {
      for (const replica of replicas) await replica[Symbol.asyncDispose]();
      await balancer[Symbol.asyncDispose]();
      await postgres.stop();
      await folder[Symbol.asyncDispose]();
    });

    it('no request fails, and every key is there', async () => {
      const under = load(balancer.url, token);
      await some(under);
      for (let n = 0; n < 4; n += 1) {
        await end(replicas[n % 2]!);
        replicas[n % 2] = await start();
        await some(under);
      }
      await under.stop();
      assert.deepEqual(under.wrong, []);
      assert.deepEqual(await unreadable(folder.path, under.handedOut), []);
    });

    it('no request fails while a newer version changes the tables, and both serve on', async () => {
      const newer = await newerVersion(folder.path);
      const under = load(balancer.url, token);
      await some(under);
      replicas.push(await start(newer));
      assert.deepEqual(
        await database.query('SELECT id::int AS id FROM schema_migrations WHERE id > 9000 ORDER BY id'),
        [{ id: 9001 }, { id: 9002 }],
      );
      const { length } = await database.query('SELECT 1 FROM uploads WHERE colour = $1 LIMIT 1', ['green']);
      assert.equal(length, 1, 'it has changed what both use');
      await some(under);
      // The old one also starts beside it.
      await end(replicas[0]!);
      replicas[0] = await start();
      await some(under);
      for (const old of replicas.splice(0, 2)) await end(old);
      await some(under);
      await under.stop();
      assert.deepEqual(under.wrong, []);
      assert.deepEqual(await unreadable(folder.path, under.handedOut), []);
    });
  },
);

/** This version with two more migrations. @returns the program. */
async function newerVersion(folder: string): Promise<string> {
  const root = join(folder, 'newer');
  await mkdir(root);
  for (const name of ['src', 'package.json'])
    await cp(join(ROOT, name), join(root, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  const index = join(root, 'src/store/migrations/postgres/index.ts');
  const text = await readFile(index, 'utf8');
  const more = `
  { id: 9001, name: 'colours', kind: 'script', additive: true, sql: "ALTER TABLE uploads ADD COLUMN colour TEXT NOT NULL DEFAULT 'green'" },
  { id: 9002, name: 'colours', kind: 'index', additive: true, index: 'uploads_by_colour', sql: 'CREATE INDEX CONCURRENTLY uploads_by_colour ON uploads (colour, id)' },
];`;
  const end = text.lastIndexOf('];');
  assert.ok(end > 0, 'the list of migrations');
  await writeFile(index, text.slice(0, end) + more.trimStart() + text.slice(end + 2));
  const program = join(root, 'sealslot');
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'src/main.ts')}' "$@"\n`);
  await chmod(program, 0o755);
  return program;
}
