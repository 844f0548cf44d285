import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { MissingBackend } from './available.ts';
import { makeCa } from './ca.ts';
import { findCommand } from './cache.ts';
import { freePort, startProcess, waitUntil, type Running } from './processes.ts';
import { scratchFolder } from './s3-server.ts';

const run = promisify(execFile);
const DEBIAN = '/usr/lib/postgresql';
const USER = 'sealslot';
/** `nobody` everywhere: PostgreSQL does not run as root. */
const NOBODY = 65534;

/** A PostgreSQL that speaks TLS and syncs as one in production does, in a cluster of its own. */
export interface Postgres extends AsyncDisposable {
  /** Where its programs are. */
  readonly source: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Mode 0600. */
  readonly passwordFile: string;
  readonly caFile: string;
  readonly caPem: string;
  /** The folder of the cluster. */
  readonly dataFolder: string;
  /** A new, empty database. */
  createDatabase(): Promise<PostgresDatabase>;
  /** One that is there. */
  database(name: string): PostgresDatabase;
  /** As `pg_ctl stop -m immediate` does: what is not in the WAL on disk is gone. */
  stopImmediately(): Promise<void>;
  /** After an end, at the same port with the same data. @param settings further ones, as on the command line: `['-c', 'fsync=on']`. */
  start(settings?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export interface PostgresDatabase {
  readonly name: string;
  /** With the password; the CA is not in it. */
  readonly url: string;
  /** Runs statements as the owner, outside of the service. */
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

export interface PostgresOptions {
  readonly log?: (line: string) => void;
  /** For `postgresql.conf`, one setting a line. */
  readonly settings?: readonly string[];
  /** Where the cluster stays, or is found again; a temporary folder unless given. */
  readonly folder?: string;
}

/** @throws MissingBackend when PostgreSQL is not installed. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const programs = await postgresPrograms();
  const { folder } = options;
  const scratch =
    folder === undefined
      ? await scratchFolder('postgres')
      : { path: folder, remove: () => Promise.resolve() };
  let running: Running | undefined;
  try {
    await chmod(scratch.path, 0o711);
    const ca = await makeCa(join(scratch.path, 'tls'));
    const dataFolder = join(scratch.path, 'data');
    const isThere = existsSync(join(dataFolder, 'PG_VERSION'));
    const password = isThere
      ? await readFile(join(scratch.path, 'password'), 'utf8')
      : randomBytes(16).toString('hex');
    if (!isThere)
      await asNobody(scratch.path, join(programs, 'initdb'), [
        ...['-D', dataFolder, '-U', USER, '-E', 'UTF8', '--locale=C', '--no-sync'],
        ...['--auth=scram-sha-256', `--pwfile=${await passwordFile(scratch.path, password)}`],
      ]);
    for (const [from, to] of [
      [ca.certFile, 'server.crt'],
      [ca.keyFile, 'server.key'],
    ] as const) {
      await cp(from, join(dataFolder, to));
      await own(join(dataFolder, to), 0o600);
    }
    const port = await freePort();
    const conf = [
      ...["listen_addresses = '127.0.0.1'", `port = ${port}`, "unix_socket_directories = ''"],
      ...['ssl = on', 'fsync = on', 'synchronous_commit = on', 'max_connections = 200'],
      ...(options.settings ?? []),
    ];
    await writeFile(join(dataFolder, 'postgresql.auto.conf'), `${conf.join('\n')}\n`);
    await own(join(dataFolder, 'postgresql.auto.conf'), 0o600);

    const urlOf = (database: string) => `postgres://${USER}:${password}@localhost:${port}/${database}`;
    const query = async (database: string, sql: string, values: readonly unknown[] = []) => {
      const client = new pg.Client({ connectionString: urlOf(database), ssl: { ca: ca.caPem } });
      // A server that goes away meanwhile fails the query too.
      client.on('error', () => undefined);
      await client.connect();
      try {
        return (await client.query<Record<string, unknown>>(sql, [...values])).rows;
      } finally {
        await client.end().catch(() => undefined);
      }
    };
    const start = async (settings: readonly string[] = []): Promise<void> => {
      const [command, args] = nobody(join(programs, 'postgres'), ['-D', dataFolder, ...settings]);
      running = await startProcess(command, args, {
        cwd: scratch.path,
        ...(options.log === undefined ? {} : { log: options.log }),
      });
      const answers = () =>
        query('postgres', 'SELECT 1').then(
          () => true,
          () => false,
        );
      await waitUntil('PostgreSQL', answers, { running });
    };
    // By its own signals: INT is the fast shutdown, QUIT the immediate one.
    const end = async (signal: 'SIGINT' | 'SIGQUIT'): Promise<void> => {
      if (running === undefined || running.exitCode() !== undefined) return;
      process.kill(running.pid, signal);
      await running.ended;
    };
    const stop = async (): Promise<void> => {
      await end('SIGINT');
      await scratch.remove();
    };
    await start();
    let databases = 0;
    const database = (name: string): PostgresDatabase => ({
      name,
      url: urlOf(name),
      query: (sql, values) => query(name, sql, values),
    });
    return {
      source: programs,
      host: 'localhost',
      port,
      user: USER,
      password,
      passwordFile: join(scratch.path, 'password'),
      caFile: ca.caFile,
      caPem: ca.caPem,
      dataFolder,
      async createDatabase() {
        databases += 1;
        const name = `sealslot_${databases}_${randomBytes(3).toString('hex')}`;
        await query('postgres', `CREATE DATABASE ${name}`);
        return database(name);
      },
      database,
      stopImmediately: () => end('SIGQUIT'),
      start,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await running?.stop();
    await scratch.remove();
    throw error;
  }
}

/**
 * The section `store` of a configuration, as YAML has it on one line.
 * @param settings further ones, and others in their place: `{ pool: '{ max: 2 }' }`. An empty text leaves one out.
 */
export function postgresStore(
  { name }: Pick<PostgresDatabase, 'name'>,
  { host, port, user, passwordFile, caFile }: Postgres,
  settings: Readonly<Record<string, string>> = {},
): string {
  const all = {
    ...{ kind: 'postgres', host, port: String(port), database: name, user, passwordFile },
    tls: `{ caFile: ${caFile} }`,
    ...settings,
  };
  const given = Object.entries(all).filter(([, value]) => value !== '');
  return `{ ${given.map(([setting, value]) => `${setting}: ${value}`).join(', ')} }`;
}

/**
 * The folder of `postgres` and `initdb`; Debian keeps them off the PATH.
 * @throws MissingBackend when they are not installed.
 */
export async function postgresPrograms(): Promise<string> {
  const versions = await readdir(DEBIAN).catch(() => []);
  const [newest] = versions.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(b) - Number(a));
  if (newest !== undefined) return join(DEBIAN, newest, 'bin');
  const onPath = await findCommand('initdb');
  if (onPath !== undefined) return join(onPath, '..');
  throw new MissingBackend('PostgreSQL', 'apt-get install postgresql');
}

async function passwordFile(folder: string, password: string): Promise<string> {
  const path = join(folder, 'password');
  await writeFile(path, password);
  await own(path, 0o600);
  return path;
}

async function own(path: string, mode: number): Promise<void> {
  await chmod(path, mode);
  if (isRoot()) await chown(path, NOBODY, NOBODY);
}

const isRoot = (): boolean => process.getuid?.() === 0;

function nobody(command: string, args: readonly string[]): [string, string[]] {
  if (!isRoot()) return [command, [...args]];
  return ['setpriv', [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', command, ...args]];
}

async function asNobody(folder: string, command: string, args: readonly string[]): Promise<void> {
  // initdb makes its data folder in here.
  if (isRoot()) await chown(folder, NOBODY, NOBODY);
  const [program, all] = nobody(command, args);
  await run(program, all, { cwd: folder });
}
