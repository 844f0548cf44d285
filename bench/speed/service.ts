import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { postgresStore, type Postgres } from '../../test/support/postgres.ts';
import type { S3Server } from '../../test/support/s3-server.ts';
import { environment, setUp } from '../../test/support/service.ts';
import type { CustodyKind } from './cells.ts';
import { AUDIENCE, ISSUER, type Issuer } from './tokens.ts';

/** The program as it is shipped: built JavaScript. */
export const PROGRAM = resolve(import.meta.dirname, '../../bin/sealslot.js');

const CUSTODY: Record<CustodyKind, string> = {
  local: '{ current: local, wrappers: { local: { kind: local, kekFile: kek.json } } }',
  hierarchy: '{ current: local, wrappers: { local: { kind: local, kekFile: kek.json } }, hierarchy: {} }',
};

export interface ServiceOptions {
  readonly s3: S3Server;
  /** A SQLite file unless given. */
  readonly postgres?: Postgres;
  readonly custody: CustodyKind;
  readonly issuer: Issuer;
}

/** A folder in which the service can be started again and again. */
export interface Installed extends AsyncDisposable {
  readonly dir: string;
  readonly token: string;
}

/** A configuration with what it needs and no more: all else is as shipped, the log at its level and the metrics too. */
export async function install({ s3, postgres, custody, issuer }: ServiceOptions): Promise<Installed> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-bench-'));
  await setUp(dir, {
    s3,
    custody: CUSTODY[custody],
    ...(postgres && { store: postgresStore(await postgres.createDatabase(), postgres) }),
    program: PROGRAM,
  });
  const file = join(dir, 'sealslot.yaml');
  const yaml = await readFile(file, 'utf8');
  await writeFile(file, yaml.replace('algorithms: [ES256]', 'algorithms: [ES256, RS256]'));
  if (!yaml.includes(`issuer: ${ISSUER}, audience: ${AUDIENCE}`))
    throw new Error(`${ISSUER} is not in ${file}`);
  await writeFile(join(dir, 'jwks.json'), JSON.stringify(issuer.jwks));
  return {
    dir,
    token: (await readFile(join(dir, 'token'), 'utf8')).trim(),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

export interface Started extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  /** From the start of the process to its line `ready`. */
  readonly readyMs: number;
  /** SIGTERM, and its end. */
  stop(): Promise<void>;
}

/**
 * `sealslot serve`. Its log goes into a pipe that another process empties into nothing, as a container's does into the collector; reading it here
 * would take the time of whoever measures.
 */
export async function start({ dir }: Installed, nodeArgs: readonly string[] = []): Promise<Started> {
  const log = join(dir, `log-${Math.random()}`);
  execFileSync('mkfifo', ['-m', '600', log]);
  const drain = spawn('sh', ['-c', 'exec <"$0"; sed -u \'/"msg":"ready"/q\'; exec cat >/dev/null', log], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // Without the compile cache of the tests: nothing that is shipped sets one.
  const { PATH, HOME, SEALSLOT_CONFIG } = environment(dir);
  const args = [
    '-c',
    'log=$1; shift; exec "$@" >"$log"',
    'sh',
    log,
    process.execPath,
    ...nodeArgs,
    PROGRAM,
    'serve',
  ];
  const begun = performance.now();
  const child = spawn('sh', args, {
    cwd: dir,
    env: { PATH, HOME, SEALSLOT_CONFIG, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const said: string[] = [];
  const ready = new Promise<string>((found, failed) => {
    createInterface({ input: drain.stdout }).on('line', (line) => {
      said.push(line);
      const entry = JSON.parse(line) as { msg?: string; listen: string };
      if (entry.msg === 'ready') found(entry.listen);
    });
    void ended.then(() => failed(new Error(`the service has ended:\n${said.join('\n')}`)));
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await ended;
    process.off('exit', killWithUs);
  };
  const listen = await ready;
  return {
    pid: child.pid ?? 0,
    url: `http://${listen}`,
    readyMs: performance.now() - begun,
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  };
}
