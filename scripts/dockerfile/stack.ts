import { X509Certificate } from 'node:crypto';
import assert from 'node:assert/strict';
import { chownSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand, isExecutable } from '../../test/support/cache.ts';
import { buildMinio, builtMinio } from '../../test/support/minio-build.ts';
import { answers, freePort, waitUntil } from '../../test/support/processes.ts';
import type { Compose } from './compose.ts';
import { runDetached, runToEnd, type Container } from './container.ts';
import { outside, pathsOutside, type Image } from './image.ts';

/** The folders where docker-compose.yml mounts its volumes. Each service has the same names for them, so one tree can serve all. */
const VOLUMES = ['/data', '/keys', '/ca', '/certs', '/s3', '/minio'];

/** Puts into the image's tree what compose mounts and what the image of MinIO brings along. */
export async function mount(image: Image, project: string): Promise<void> {
  for (const path of VOLUMES) {
    mkdirSync(outside(image, path), { recursive: true });
    if (process.getuid?.() === 0) chownSync(outside(image, path), 1000, 1000);
  }
  const bin = outside(image, '/usr/local/bin');
  copyFileSync(join(project, 'docker/prepare.sh'), join(bin, 'prepare.sh'));
  const onPath = await findCommand('minio');
  if (onPath === undefined && !(await isExecutable(builtMinio))) await buildMinio(console.log);
  copyFileSync(onPath ?? builtMinio, join(bin, 'minio'));
  mkdirSync(outside(image, '/app/docker'), { recursive: true });
  cpSync(join(project, 'docker/setup.ts'), outside(image, '/app/docker/setup.ts'));
}

/** `prepare`, twice: the second run must leave all as it is. */
export async function prepare(image: Image, { services }: Compose): Promise<void> {
  const files = ['/s3/password', '/certs/private.key', '/certs/public.crt', '/ca/ca.crt'];
  const read = (): string[] => files.map((path) => readFileSync(outside(image, path), 'utf8'));
  const { entrypoint = [], command = [] } = services.prepare;
  const run = async (): Promise<string[]> => {
    const { code, output } = await runToEnd(image, [...entrypoint, ...command]);
    assert.equal(code, 0, output);
    return read();
  };
  const first = await run();
  assert.deepEqual(await run(), first);
  const certificate = new X509Certificate(first[2] ?? '');
  for (const name of ['localhost', 'minio']) assert.equal(certificate.checkHost(name), name);
  assert.ok(certificate.verify(new X509Certificate(first[3] ?? '').publicKey));
}

export interface MinioContainer {
  readonly port: number;
  readonly container: Container;
}

/** MinIO as compose starts it, on a free port of loopback. */
export async function startMinio(image: Image, { services }: Compose): Promise<MinioContainer> {
  const port = await freePort();
  const { command = [], environment = {} } = services.minio;
  const args = command.map((word) => (word === ':9000' ? `127.0.0.1:${port}` : word));
  const container = runDetached(image, ['minio', ...args], environment);
  const ca = readFileSync(outside(image, '/ca/ca.crt'), 'utf8');
  try {
    await waitUntil('MinIO', () => answers(`https://localhost:${port}/minio/health/ready`, ca));
  } catch (error) {
    container.kill();
    throw new Error(`MinIO did not start:\n${container.output()}`, { cause: error });
  }
  return { port, container };
}

/** docker/sealslot.yaml, with its paths and with the port that MinIO got. */
export function configure(image: Image, project: string, minioPort: number): void {
  const text = readFileSync(join(project, 'docker/sealslot.yaml'), 'utf8');
  mkdirSync(outside(image, '/etc/sealslot'), { recursive: true });
  const here = text.replace(/(minio|localhost):9000/g, `localhost:${minioPort}`);
  writeFileSync(outside(image, '/etc/sealslot/sealslot.yaml'), pathsOutside(image, here));
}
