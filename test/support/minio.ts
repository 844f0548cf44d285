import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCa } from './ca.ts';
import type { TestCa } from './ca.ts';
import { findCommand, isExecutable } from './cache.ts';
import { dockerAnswers } from './docker.ts';
import { buildMinio, builtMinio } from './minio-build.ts';
import { answers, freePort, startProcess, waitUntil } from './processes.ts';
import { TEST_CREDENTIALS, logToStderr, s3Server, scratchFolder } from './s3-server.ts';
import type { S3Server, S3ServerOptions } from './s3-server.ts';

/** The last image that MinIO published. */
const IMAGE = 'minio/minio:RELEASE.2025-09-07T16-13-09Z';
const PORT_IN_CONTAINER = 9000;
const REGION = 'us-east-1';

export interface MinioOptions extends S3ServerOptions {
  /**
   * Settings of its own, such as a webhook on 127.0.0.1. Then it is a process, never a container, which would not reach that, and never
   * one that runs already.
   */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A MinIO that speaks TLS (SSE-C needs it): the one named by the environment, else Docker, else `minio` on the PATH, else the cached
 * build, else one built now.
 * @throws MissingBackend when there is none and none can be built.
 */
export async function startMinio(options: MinioOptions = {}): Promise<S3Server> {
  const isPlain = options.env === undefined;
  const given = isPlain ? await givenByEnvironment() : undefined;
  if (given !== undefined) return given;
  const scratch = await scratchFolder('minio');
  try {
    const ca = await makeCa(join(scratch.path, 'tls'));
    if (isPlain && (await dockerAnswers())) return await inDocker(ca, scratch.remove, options);
    const binary = await findBinary(options.log ?? logToStderr);
    return await asProcess(binary, ca, scratch, options);
  } catch (error) {
    await scratch.remove();
    throw error;
  }
}

async function givenByEnvironment(): Promise<S3Server | undefined> {
  const variable = (name: string): string | undefined => process.env[`SEALSLOT_TEST_S3_${name}`];
  const endpoint = variable('ENDPOINT');
  if (endpoint === undefined) return undefined;
  const caFile = variable('CA_FILE');
  const accessKeyId = variable('ACCESS_KEY_ID');
  const secretAccessKey = variable('SECRET_ACCESS_KEY');
  if (caFile === undefined || accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error(
      'SEALSLOT_TEST_S3_ENDPOINT needs …_CA_FILE, …_ACCESS_KEY_ID and …_SECRET_ACCESS_KEY as well',
    );
  }
  const caPem = await readFile(caFile, 'utf8');
  const source = 'SEALSLOT_TEST_S3_ENDPOINT';
  return s3Server(
    { name: 'minio', source, endpoint, region: REGION, caFile, caPem, accessKeyId, secretAccessKey },
    async () => undefined,
  );
}

interface Binary {
  readonly path: string;
  readonly source: string;
}

async function findBinary(log: (line: string) => void): Promise<Binary> {
  const onPath = await findCommand('minio');
  if (onPath !== undefined) return { path: onPath, source: `${onPath} (PATH)` };
  if (await isExecutable(builtMinio)) return { path: builtMinio, source: `${builtMinio} (cached build)` };
  await buildMinio(log);
  return { path: builtMinio, source: `${builtMinio} (built now)` };
}

async function asProcess(
  binary: Binary,
  ca: TestCa,
  scratch: { readonly path: string; readonly remove: () => Promise<void> },
  options: MinioOptions,
): Promise<S3Server> {
  const certs = join(scratch.path, 'certs');
  await mkdir(join(certs, 'CAs'), { recursive: true });
  await copyFile(ca.certFile, join(certs, 'public.crt'));
  await copyFile(ca.keyFile, join(certs, 'private.key'));
  await copyFile(ca.caFile, join(certs, 'CAs', 'ca.crt'));

  const port = await freePort();
  const running = await startProcess(
    binary.path,
    [
      ...['server', '--quiet', '--certs-dir', certs, '--address', `127.0.0.1:${port}`],
      join(scratch.path, 'data'),
    ],
    {
      env: { ...rootUser(), ...regionOf(options), MINIO_BROWSER: 'off', ...options.env },
      ...(options.log === undefined ? {} : { log: options.log }),
    },
  );
  const endpoint = `https://localhost:${port}`;
  const end = async (): Promise<void> => {
    await running.stop();
    await scratch.remove();
  };
  try {
    await waitUntil('MinIO', () => answers(`${endpoint}/minio/health/ready`, ca.caPem), { running });
  } catch (error) {
    await end();
    throw error;
  }
  const region = options.region ?? REGION;
  return s3Server(
    { name: 'minio', source: binary.source, endpoint, region, ...pem(ca), ...TEST_CREDENTIALS },
    end,
  );
}

async function inDocker(
  ca: TestCa,
  removeScratch: () => Promise<void>,
  options: S3ServerOptions,
): Promise<S3Server> {
  const { MinioContainer } = await import('@testcontainers/minio');
  const { Wait } = await import('testcontainers');
  const container = await new MinioContainer(IMAGE)
    .withUsername(TEST_CREDENTIALS.accessKeyId)
    .withPassword(TEST_CREDENTIALS.secretAccessKey)
    .withEnvironment({ ...regionOf(options), MINIO_BROWSER: 'off' })
    .withCopyFilesToContainer([
      { source: ca.certFile, target: '/certs/public.crt' },
      { source: ca.keyFile, target: '/certs/private.key' },
      { source: ca.caFile, target: '/certs/CAs/ca.crt' },
    ])
    .withCommand(['server', '--quiet', '--certs-dir', '/certs', '/data'])
    .withExposedPorts(PORT_IN_CONTAINER)
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  const endpoint = `https://localhost:${container.getMappedPort(PORT_IN_CONTAINER)}`;
  const end = async (): Promise<void> => {
    await container.stop();
    await removeScratch();
  };
  try {
    await waitUntil('MinIO in Docker', () => answers(`${endpoint}/minio/health/ready`, ca.caPem));
  } catch (error) {
    await end();
    throw error;
  }
  const region = options.region ?? REGION;
  return s3Server(
    { name: 'minio', source: `Docker ${IMAGE}`, endpoint, region, ...pem(ca), ...TEST_CREDENTIALS },
    end,
  );
}

const rootUser = (): Record<string, string> => ({
  MINIO_ROOT_USER: TEST_CREDENTIALS.accessKeyId,
  MINIO_ROOT_PASSWORD: TEST_CREDENTIALS.secretAccessKey,
});

const regionOf = ({ region }: S3ServerOptions): Record<string, string> =>
  region === undefined ? {} : { MINIO_SITE_REGION: region };

const pem = (ca: TestCa): { caPem: string; caFile: string } => ({ caPem: ca.caPem, caFile: ca.caFile });
