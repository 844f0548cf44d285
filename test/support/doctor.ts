import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Finding } from '../../src/doctor/finding.ts';
import { createKekFile } from '../../src/custody/kek-file.ts';
import { startProcess, type Running } from './processes.ts';
import type { S3Server } from './s3-server.ts';
import { environment } from './service.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

/** What a target of a configuration says; all of it can be wrong. */
export interface Settings {
  readonly endpoint: string;
  readonly caFile: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly bucket: string;
  readonly origins?: readonly string[];
}

let buckets = 0;

/** A server as it should be said, with a bucket of its own. */
export async function settingsOn(s3: S3Server, versioning = false): Promise<Settings> {
  buckets += 1;
  const bucket = `doctor-${buckets}`;
  await s3.createBucket(bucket, { versioning });
  const { endpoint, caFile, region, accessKeyId, secretAccessKey } = s3;
  return { endpoint, caFile, region, accessKeyId, secretAccessKey, bucket };
}

export interface Diagnosis {
  readonly exitCode: number;
  readonly findings: readonly Finding[];
  readonly stderr: string;
  /** `check: outcome` of all that is not right. */
  readonly wrong: readonly string[];
}

/** A folder as an operator has it: configuration and KEK, no store yet. */
export async function operatorFolder(
  settings: Settings,
): Promise<AsyncDisposable & { readonly dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-doctor-'));
  const { bucket, caFile, endpoint, region, accessKeyId, secretAccessKey, sessionToken, origins } = settings;
  await writeFile(join(dir, 's3-secret'), secretAccessKey, { mode: 0o600 });
  if (sessionToken !== undefined) await writeFile(join(dir, 's3-session'), sessionToken, { mode: 0o600 });
  await writeFile(
    join(dir, 'sealslot.yaml'),
    JSON.stringify({
      listen: { port: 0 },
      admin: { port: 0 },
      cors: { origins },
      store: { kind: 'sqlite', path: 'sealslot.db' },
      custody: { current: 'local', wrappers: { local: { kind: 'local', kekFile: 'kek.json' } } },
      s3: {
        targets: {
          main: {
            ...{ endpoint, region, caFile, pathStyle: true },
            credentials: {
              kind: 'static',
              accessKeyId,
              secretAccessKeyFile: 's3-secret',
              ...(sessionToken !== undefined && { sessionTokenFile: 's3-session' }),
            },
          },
        },
      },
      tenants: { acme: { target: 'main', bucket } },
    }),
    { mode: 0o600 },
  );
  await createKekFile(join(dir, 'kek.json'));
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}

/** `sealslot …` in a folder, to its end. */
export function sealslotIn(
  dir: string,
  ...args: readonly string[]
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [MAIN, ...args],
      { cwd: dir, env: environment(dir), timeout: 60_000 },
      (error, stdout, stderr) => {
        if (error instanceof Error && typeof error.code !== 'number') reject(error);
        else resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });
}

/** `sealslot … | head -n 1`, once both have ended. */
export function headOf(dir: string, command: string): Promise<{ stdout: string; stderr: string }> {
  const script = '"$0" "$@" | head -n 1';
  return promisify(execFile)('bash', ['-c', script, process.execPath, MAIN, command], {
    cwd: dir,
    env: environment(dir),
  });
}

/** `sealslot serve` or `doctor`, while it runs. */
export function startSealslot(dir: string, command: string, log: (line: string) => void): Promise<Running> {
  return startProcess(process.execPath, [MAIN, command], {
    cwd: dir,
    env: { SEALSLOT_CONFIG: join(dir, 'sealslot.yaml') },
    log,
  });
}

export async function diagnose(settings: Settings): Promise<Diagnosis> {
  await using folder = await operatorFolder(settings);
  return await diagnoseIn(folder.dir);
}

export async function diagnoseIn(dir: string): Promise<Diagnosis> {
  const { exitCode, stdout, stderr } = await sealslotIn(dir, 'doctor', '--json');
  const said = JSON.parse(stdout) as { exitCode: number; findings?: Finding[] };
  if (said.findings === undefined) throw new Error(`the configuration is wrong: ${stdout}`);
  if (said.exitCode !== exitCode) throw new Error(`it says ${said.exitCode} and ends with ${exitCode}`);
  const wrong = said.findings
    .filter(({ outcome }) => outcome === 'off' || outcome === 'unsafe')
    .map(({ check, outcome }) => `${check}: ${outcome}`);
  return { exitCode, findings: said.findings, stderr, wrong };
}
