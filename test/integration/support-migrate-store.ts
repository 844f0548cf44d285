import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { localWrapper } from '../../src/custody/adapters/local.ts';
import { readKekFile } from '../../src/custody/kek-file.ts';
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts';
import type { Store } from '../../src/store/port.ts';
import { fillStore } from '../support/full-store.ts';
import { postgresStore, type Postgres, type PostgresDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/processes.ts';
import { environment, kekPath, setUp, storePath } from '../support/service.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that may be killed before its end. */
export interface Started {
  readonly end: Promise<Run>;
  kill(): void;
}

/** A folder with a filled SQLite store, its configuration, and that of replicas on an empty database. */
export interface MoveWorld extends AsyncDisposable {
  readonly dir: string;
  readonly database: PostgresDatabase;
  /** `sealslot …` with the old configuration. */
  run(...args: string[]): Promise<Run>;
  /** The same with further variables. */
  runWith(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Run>;
  /** `sealslot migrate-store --to …`, in the background. */
  start(...args: string[]): Started;
  migrate(...args: string[]): Promise<Run>;
  /** The configuration for another database. @returns its path. */
  configFor(database: PostgresDatabase): Promise<string>;
  /** Opens the old store by its port. */
  openOld(): Promise<Store>;
  /**
   * Starts the command and keeps it where it writes to this table, until `then` is done; the lock is gone afterwards.
   * @returns how it ended.
   */
  heldAt(table: string, then: (started: Started) => Promise<unknown>): Promise<Run>;
}

/** A loaded machine is no failure here. */
const PATIENT =
  '{ connectMilliseconds: 20000, lockMilliseconds: 30000, statementMilliseconds: 40000, callMilliseconds: 60000 }';

/** Of the replicas' configuration. */
export const NEW = 'sealslot.new.yaml';

export interface Template extends AsyncDisposable {
  readonly dir: string;
}

/** What the folders of worlds are copies of. */
export async function moveTemplate(): Promise<Template> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-move-'));
  await setUp(dir, {});
  const store = await openSqliteStore({ path: storePath(dir), exclusive: false });
  await fillStore(store, localWrapper({ id: 'local', ring: await readKekFile(kekPath(dir)) }));
  await store.close();
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}

export async function moveWorld(server: Postgres, template: Template): Promise<MoveWorld> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-move-'));
  const database = await server.createDatabase();
  await cp(template.dir, dir, { recursive: true });
  const openOld = () => openSqliteStore({ path: storePath(dir), exclusive: false });

  const configFor = async (other: PostgresDatabase, name = `${other.name}.yaml`): Promise<string> => {
    const old = await readFile(join(dir, 'sealslot.yaml'), 'utf8');
    const path = join(dir, name);
    await writeFile(
      path,
      old.replace(/^store: .*$/m, `store: ${postgresStore(other, server, { timeouts: PATIENT })}`),
      {
        mode: 0o600,
      },
    );
    return path;
  };
  await configFor(database, NEW);
  const launch = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Started => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: dir,
      env: { ...environment(dir), ...env },
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    const end = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }));
    return { end, kill: () => child.kill('SIGKILL') };
  };
  const start = (...args: string[]) => launch(['migrate-store', '--to', NEW, ...args]);
  return {
    dir,
    database,
    run: (...args) => launch(args).end,
    runWith: (env, ...args) => launch(args, env).end,
    start,
    migrate: (...args) => start(...args).end,
    configFor,
    openOld,
    async heldAt(table, then) {
      const client = new pg.Client({
        connectionString: database.url,
        ssl: { ca: await readFile(server.caFile, 'utf8') },
      });
      client.on('error', () => undefined);
      await client.connect();
      // Those that read go on.
      await client.query(`BEGIN; LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`);
      try {
        const started = start();
        let ended: Run | undefined;
        void started.end.then((run) => (ended = run));
        await waitUntil(`a wait for ${table}`, async () => {
          if (ended !== undefined) throw new Error(`it ended: ${JSON.stringify(ended)}`);
          // Of this transaction `pg_stat_activity` would show what it showed first.
          return (await client.query('SELECT 1 FROM pg_locks WHERE NOT granted')).rowCount === 1;
        });
        await then(started);
        return await started.end;
      } finally {
        await client.end().catch(() => undefined);
      }
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}
