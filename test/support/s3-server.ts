import { Agent } from 'node:https';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';

export interface S3Server extends AsyncDisposable {
  readonly name: 'minio' | 'seaweedfs';
  /** Where it came from: Docker, the PATH, the cache … */
  readonly source: string;
  readonly endpoint: string;
  readonly caFile: string;
  readonly caPem: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  createBucket(name: string, options?: { versioning?: boolean }): Promise<void>;
  stop(): Promise<void>;
}

export interface S3ServerOptions {
  /** Progress of what takes long. */
  readonly log?: (line: string) => void;
  /** The only region whose signatures it accepts; us-east-1, and any other, unless given. MinIO only. */
  readonly region?: string;
}

export type S3ServerFacts = Omit<S3Server, 'createBucket' | 'stop' | typeof Symbol.asyncDispose>;

export const TEST_CREDENTIALS = { accessKeyId: 'sealslot-test', secretAccessKey: 'sealslot-test-secret' };

export const logToStderr = (line: string): void => void process.stderr.write(`${line}\n`);

/** A server that runs, with the calls that tests make of it. */
export function s3Server(facts: S3ServerFacts, end: () => Promise<void>): S3Server {
  const { region } = facts;
  const agent = new Agent({ ca: facts.caPem, keepAlive: true });
  // Options in place of an instance: the SDK makes its NodeHttpHandler of them.
  const client = new S3Client({
    endpoint: facts.endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId: facts.accessKeyId, secretAccessKey: facts.secretAccessKey },
    requestHandler: { httpsAgent: agent },
  });
  const stop = async (): Promise<void> => {
    client.destroy();
    agent.destroy();
    await end();
  };
  return {
    ...facts,
    async createBucket(name, options) {
      await client.send(new CreateBucketCommand({ Bucket: name }));
      if (options?.versioning !== true) return;
      const VersioningConfiguration = { Status: 'Enabled' as const };
      await client.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration }));
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A folder of its own for one server; `remove` takes it away. */
export async function scratchFolder(
  name: string,
): Promise<{ readonly path: string; readonly remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `sealslot-${name}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}
