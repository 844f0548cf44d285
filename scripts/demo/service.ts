import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePorts, startProcess, waitUntil, type Running } from '../../test/support/processes.ts';
import type { S3Server } from '../../test/support/s3-server.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const run = promisify(execFile);

export const BUCKET = 'demo-uploads';
export const ORIGIN = 'http://localhost:3000';

export interface Service {
  readonly url: string;
  readonly adminUrl: string;
  readonly running: Running;
  /** All it has written so far. */
  readonly logged: () => string;
}

/** A folder with the configuration, as README describes it, and with short lives, so that a deletion can be watched to its end. */
export async function prepareFolder(
  dir: string,
  s3: S3Server,
): Promise<{ configure(urlSeconds: number): Promise<void> }> {
  const [api, admin] = await freePorts(2);
  await mkdir(join(dir, 'data'));
  await writeFile(join(dir, 's3-secret'), s3.secretAccessKey, { mode: 0o600 });
  const configure = (urlSeconds: number): Promise<void> =>
    writeFile(
      join(dir, 'sealslot.yaml'),
      `listen: { port: ${api} }
admin: { port: ${admin} }
cors: { origins: [${ORIGIN}] }
store: { kind: sqlite, path: data/sealslot.db }
custody: { kind: local, kekFile: kek.json }
s3:
  targets:
    main:
      endpoint: ${s3.endpoint}
      region: ${s3.region}
      pathStyle: true
      caFile: ${s3.caFile}
      credentials: { kind: static, accessKeyId: ${s3.accessKeyId}, secretAccessKeyFile: s3-secret }
tenants:
  acme:
    target: main
    bucket: ${BUCKET}
    urlSeconds: { min: 1, default: ${urlSeconds}, max: 3600 }
retention: { deleteMarginSeconds: 1 }
jobs: { intervalSeconds: 1 }
`,
    );
  await configure(15);
  return { configure };
}

/** `sealslot …` to its end. @returns its standard output. */
export async function sealslot(dir: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [MAIN, ...args], { cwd: dir });
  return stdout.trim();
}

/** `sealslot serve`, ready. */
export async function serve(dir: string): Promise<Service> {
  const lines: string[] = [];
  const running = await startProcess(process.execPath, [MAIN, 'serve'], {
    cwd: dir,
    log: (line) => lines.push(line),
  });
  const ready = (): Record<string, string> | undefined =>
    lines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, string>)
      .find((entry) => entry.msg === 'ready');
  await waitUntil('sealslot serve', async () => ready() !== undefined, { running });
  const adminUrl = `http://${ready()?.admin ?? ''}`;
  await waitUntil('/readyz', async () => (await fetch(`${adminUrl}/readyz`)).ok, { running });
  return { url: `http://${ready()?.listen ?? ''}`, adminUrl, running, logged: () => lines.join('\n') };
}
