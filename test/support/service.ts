import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Json } from './harness.ts';
import type { SessionCredentials } from './minio-session.ts';
import type { S3Server } from './s3-server.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
/** As `bin/sealslot.js` has it. */
const YOUNG_GENERATION = '--max-semi-space-size=8';
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;

export interface ServiceOptions {
  /**
   * A folder to start in, set up on first use; a restart finds its store, KEK and API key there, and so does a second replica on the same
   * PostgreSQL. Without it a temporary one.
   */
  readonly dir?: string;
  /** Further top-level sections of `sealslot.yaml`. */
  readonly yaml?: string;
  /** The section `store` as YAML has it on one line, in place of a SQLite file; see `postgresStore`. */
  readonly store?: string;
  /** The section `custody`, in place of a local KEK. */
  readonly custody?: string;
  /** Whether to return as soon as it listens, ready or not. */
  readonly mayBeUnready?: boolean;
  /** Further settings of the tenant `acme`, such as `slotSeconds: 60`. */
  readonly tenant?: string;
  /** A real S3 with the bucket `uploads` made by the caller; without it nobody listens at the endpoint. */
  readonly s3?: S3Server;
  /** Where clients reach that S3; at its own address unless given. */
  readonly publicEndpoint?: string;
  /** In place of the server's own, which may do everything: with POST, some servers must deny rights (see `credentialsWithout`). */
  readonly credentials?: SessionCredentials;
  /** What upload URLs are signed with; as the others unless given. */
  readonly uploadCredentials?: SessionCredentials;
  /** What to run the service under, such as `['strace', …]`. */
  readonly wrapper?: readonly string[];
  readonly nodeArgs?: readonly string[];
  /** An installed `sealslot` in place of this repository's; `nodeArgs` then has no effect. */
  readonly program?: string;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** `sealslot serve` as operators run it: its own process, a SQLite store unless another is given, a local KEK, an API key with every scope for `acme`. */
export interface Service extends AsyncDisposable {
  readonly dir: string;
  /** Of the service, or of the `wrapper` above it. */
  readonly pid: number;
  readonly url: string;
  readonly adminUrl: string;
  readonly token: string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** One call with the API key over a kept-alive connection; resolves when all of the answer is here. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** SIGTERM, unless another is given; rejects unless it then ends by itself with 0. */
  stop(name?: NodeJS.Signals): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  signal(name: NodeJS.Signals): void;
}

export const storePath = (dir: string): string => join(dir, 'sealslot.db');
export const kekPath = (dir: string): string => join(dir, 'kek.json');

const SQLITE_STORE = '{ kind: sqlite, path: sealslot.db }';
const LOCAL_CUSTODY = '{ current: local, wrappers: { local: { kind: local, kekFile: kek.json } } }';

const running = new Set<() => void>();
let cleaningUp = false;

/** A group of its own gets no Ctrl-C, so services are ended when this process ends, by itself or by a signal. */
function cleanUpAtExit(): void {
  if (cleaningUp) return;
  cleaningUp = true;
  const killAll = () => running.forEach((kill) => kill());
  process.once('exit', killAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      killAll();
      // Our handler is gone by now: without another one the signal has its usual effect.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    });
  }
}

export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'sealslot-service-')));
  if (!existsSync(join(dir, 'token'))) await setUp(dir, options);
  const token = (await readFile(join(dir, 'token'), 'utf8')).trim();

  const [command, ...args] = [...(options.wrapper ?? []), ...programOf(options), 'serve'];
  // A process group of its own, so that signals reach the service below a wrapper too.
  const child = spawn(command, args, {
    cwd: dir,
    env: environment(dir),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<{ code: number | null }>((resolve) =>
    child.once('exit', (code) => resolve({ code })),
  );
  await once(child, 'spawn');
  const signal = (name: NodeJS.Signals) => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, name);
  };
  const dieWithUs = () => signal('SIGKILL');
  cleanUpAtExit();
  running.add(dieWithUs);
  void exited.then(() => running.delete(dieWithUs));

  const kill = async () => {
    signal('SIGKILL');
    await exited;
  };
  const output = { stdout: '', stderr: '' };
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  let addresses: { listen: string; admin: string };
  try {
    addresses = await readyLine(child.stdout, exited, output);
    if (options.mayBeUnready !== true) await until200(`http://${addresses.admin}/readyz`);
  } catch (error) {
    await kill();
    throw new Error(`the service did not start:\n${output.stdout}\n${output.stderr}`, { cause: error });
  }
  const url = `http://${addresses.listen}`;

  return {
    dir,
    pid: child.pid ?? 0,
    url,
    adminUrl: `http://${addresses.admin}`,
    token,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    async call(method, path, { body, headers } = {}) {
      const answer = await fetch(url + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return {
        status: answer.status,
        headers: answer.headers,
        body: text === '' ? undefined : JSON.parse(text),
      };
    },
    async stop(name = 'SIGTERM') {
      signal(name);
      const late = setTimeout(() => signal('SIGKILL'), STOP_TIMEOUT_MS);
      const { code } = await exited;
      clearTimeout(late);
      if (code !== 0)
        throw new Error(`the service ended with ${code ?? 'a signal'}:\n${output.stdout}\n${output.stderr}`);
    },
    kill,
    signal,
    async [Symbol.asyncDispose]() {
      await kill();
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

function programOf({ nodeArgs = [], program }: ServiceOptions): string[] {
  return program === undefined ? [process.execPath, YOUNG_GENERATION, ...nodeArgs, MAIN] : [program];
}

/** `sealslot …` in a folder that is set up. @returns its standard output. Rejects unless it ends with 0. */
export async function runToEnd(
  dir: string,
  { program }: Pick<ServiceOptions, 'program'>,
  args: readonly string[],
): Promise<string> {
  const [command = '', ...first] = programOf(program === undefined ? {} : { program });
  const settings = { cwd: dir, env: environment(dir) };
  return (await promisify(execFile)(command, [...first, ...args], settings)).stdout;
}

/**
 * Configuration, KEK and API key, for a `startService` in that folder. Without a real S3 nobody listens at its endpoint: signing needs no call,
 * and what needs one meets a dead S3.
 * @returns what `sealslot init` said.
 */
export async function setUp(dir: string, options: ServiceOptions): Promise<string> {
  const { yaml = '', tenant, s3, publicEndpoint, store = SQLITE_STORE, custody = LOCAL_CUSTODY } = options;
  const {
    accessKeyId = 'AKIDEXAMPLE',
    secretAccessKey = 'example',
    sessionToken,
  } = {
    ...s3,
    ...options.credentials,
  } as Partial<SessionCredentials>;
  const credentials = { kind: 'static', accessKeyId, secretAccessKey, sessionToken };
  const uploadCredentials = options.uploadCredentials && { kind: 'static', ...options.uploadCredentials };
  await writeFile(join(dir, 'jwks.json'), '{"keys":[]}');
  await writeFile(
    join(dir, 'sealslot.yaml'),
    `
listen: { host: 127.0.0.1, port: 0 }
admin: { host: 127.0.0.1, port: 0 }
store: ${store}
custody: ${custody}
s3:
  targets:
    main:
      endpoint: ${s3?.endpoint ?? 'https://127.0.0.1:1'}
      ${publicEndpoint === undefined ? '' : `publicEndpoint: ${publicEndpoint}`}
      region: ${s3?.region ?? 'us-east-1'}
      pathStyle: true
      ${s3 === undefined ? '' : `caFile: ${s3.caFile}`}
      credentials: ${flow(credentials)}
      ${uploadCredentials === undefined ? '' : `uploadCredentials: ${flow(uploadCredentials)}`}
auth:
  issuers:
    - { issuer: https://issuer.example.com, audience: sealslot, jwksFile: jwks.json, algorithms: [ES256], tenant: acme }
tenants:
  acme: { target: main, bucket: uploads${tenant === undefined ? '' : `, ${tenant}`} }
${yaml}`,
    { mode: 0o600 },
  );
  const run = (...args: string[]): Promise<string> => runToEnd(dir, options, args);
  const made = await run('init');
  const scopes =
    'uploads:write,uploads:read,objects:read,objects:delete,keys:rotate,grants:write,events:write';
  const token = await run('api-key', 'create', '--tenant', 'acme', '--name', 'test', '--scopes', scopes);
  await writeFile(join(dir, 'token'), token, { mode: 0o600 });
  return made;
}

/** A map of texts as YAML has it on one line. */
function flow(map: Readonly<Record<string, string | undefined>>): string {
  const members = Object.entries(map).filter(([, value]) => value !== undefined);
  return `{ ${members.map(([name, value]) => `${name}: ${value}`).join(', ')} }`;
}

/** Not the whole environment: every SEALSLOT_ variable is a setting to the service. */
export function environment(dir: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    SEALSLOT_CONFIG: join(dir, 'sealslot.yaml'),
    // For quicker restarts.
    NODE_COMPILE_CACHE: join(dir, 'compile-cache'),
    // How late an event loop is, the machine decides; that load is shed then, test/unit/http/overload.test.ts shows.
    SEALSLOT_OVERLOAD__EVENT_LOOP_DELAY_MILLISECONDS: '0',
  };
}

/** With port 0 only the service knows its ports; it logs them when both listeners are up. */
async function readyLine(
  stdout: Readable,
  exited: Promise<{ code: number | null }>,
  output: { stdout: string },
): Promise<{ listen: string; admin: string }> {
  const ready = new Promise<{ listen: string; admin: string }>((resolve) => {
    createInterface({ input: stdout }).on('line', (line) => {
      output.stdout += `${line}\n`;
      const entry = JSON.parse(line) as { msg?: string; listen: string; admin: string };
      if (entry.msg === 'ready') resolve(entry);
    });
  });
  const timeout = AbortSignal.timeout(READY_TIMEOUT_MS);
  return Promise.race([
    ready,
    exited.then(({ code }) => Promise.reject(new Error(`it ended with ${code ?? 'a signal'}`))),
    once(timeout, 'abort').then(() => Promise.reject(new Error('it was not ready in time'))),
  ]);
}

async function until200(url: string): Promise<void> {
  const end = Date.now() + READY_TIMEOUT_MS;
  for (let pause = 5; ; pause = Math.min(pause * 2, 200)) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    if (Date.now() > end)
      throw new Error(`${url} did not answer 200 in time, but ${answer?.status ?? 'nothing'}`);
    await delay(pause);
  }
}
