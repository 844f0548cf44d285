import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutBucketNotificationConfigurationCommand, S3Client } from '@aws-sdk/client-s3';
import { Agent } from 'node:https';
import { credentialsWithout, type SessionCredentials } from '../support/minio-session.ts';
import { startMinio } from '../support/minio.ts';
import { freePort, waitUntil } from '../support/processes.ts';
import type { S3Server } from '../support/s3-server.ts';
import { runToEnd, setUp, startService, type Service } from '../support/service.ts';

export const BUCKET = 'uploads';
const TENANT = {
  target: 'main',
  bucket: BUCKET,
  // Written in other ways in a URL and in a form. There are no umlauts in object keys.
  objectKeyTemplate: "a b+c&d=e%20f;g@h,i:j/(1)!*'/{id}/{filename}",
  methods: ['PUT', 'POST', 'multipart'],
  urlSeconds: { min: 1, default: 900, max: 3600 },
};

/** As S3 tells of an object that was made; its object key is written as in a form. */
export function record(objectKey: string, bucket = BUCKET, facts: Readonly<Record<string, unknown>> = {}) {
  const key = encodeURIComponent(objectKey).replaceAll('%20', '+');
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    eventName: 'ObjectCreated:Put',
    s3: { s3SchemaVersion: '1.0', bucket: { name: bucket }, object: { key, ...facts } },
  };
}

export function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** MinIO with a webhook to a service that is not there yet, with an API key that may do nothing but tell of events. */
export interface EventWorld {
  readonly minio: S3Server;
  /** The same service at the same address, each time. */
  start(): Promise<Service>;
  /** An API key of one tenant with these scopes. */
  token(tenant: string, ...scopes: readonly string[]): Promise<string>;
  /** What MinIO keeps until it is taken. */
  readonly queueDir: string;
  stop(): Promise<void>;
}

export async function eventWorld(): Promise<EventWorld> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-events-'));
  const queueDir = join(dir, 'queue');
  await mkdir(queueDir);
  const port = await freePort();
  await setUp(dir, {});
  await configure(dir, port);
  let keys = 0;
  const token = async (tenant: string, ...scopes: readonly string[]): Promise<string> => {
    const named = ['--tenant', tenant, '--name', `key-${(keys += 1)}`, '--scopes', scopes.join()];
    return (await runToEnd(dir, {}, ['api-key', 'create', ...named])).trim();
  };
  const webhook = (setting: string) => `MINIO_NOTIFY_WEBHOOK_${setting}_SEALSLOT`;
  const minio = await startMinio({
    env: {
      [webhook('ENABLE')]: 'on',
      [webhook('ENDPOINT')]: `http://127.0.0.1:${port}/v1/events/s3`,
      [webhook('AUTH_TOKEN')]: await token('acme', 'events:write'),
      [webhook('QUEUE_DIR')]: queueDir,
    },
  });
  // A form may else be sent to any object key.
  await configure(dir, port, minio, await withoutFanOut(minio));
  await minio.createBucket(BUCKET, { versioning: true });
  await notify(minio);
  return {
    minio,
    queueDir,
    token,
    start: () => startService({ dir }),
    async stop() {
      await minio.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function configure(
  dir: string,
  port: number,
  minio?: S3Server,
  session?: SessionCredentials,
): Promise<void> {
  const target = {
    endpoint: minio?.endpoint ?? 'https://127.0.0.1:1',
    region: 'us-east-1',
    pathStyle: true,
    ...(minio && { caFile: minio.caFile }),
    credentials: {
      kind: 'static',
      ...(session ?? { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' }),
    },
  };
  const configuration = {
    listen: { host: '127.0.0.1', port },
    admin: { host: '127.0.0.1', port: 0 },
    store: { kind: 'sqlite', path: 'sealslot.db' },
    custody: { current: 'local', wrappers: { local: { kind: 'local', kekFile: 'kek.json' } } },
    s3: { targets: { main: target } },
    tenants: { acme: TENANT, globex: TENANT },
  };
  await writeFile(join(dir, 'sealslot.yaml'), JSON.stringify(configuration), { mode: 0o600 });
}

/** MinIO is ready before it can tell who somebody is. */
async function withoutFanOut(minio: S3Server): Promise<SessionCredentials> {
  let session: SessionCredentials | undefined;
  await waitUntil('MinIO to know accounts', async () => {
    session = await credentialsWithout(minio, 's3:PutObjectFanOut').catch((error: unknown) => {
      if ((error as { stdout?: string }).stdout?.includes('not initialized') === true) return undefined;
      throw error;
    });
    return session !== undefined;
  });
  if (session === undefined) throw new Error('no session');
  return session;
}

async function notify(minio: S3Server): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey, caPem: ca } = minio;
  const client = new S3Client({
    ...{ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } },
    requestHandler: { httpsAgent: new Agent({ ca }) },
  });
  const QueueConfigurations = [
    { QueueArn: 'arn:minio:sqs::SEALSLOT:webhook', Events: ['s3:ObjectCreated:*' as const] },
  ];
  await client.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: BUCKET,
      NotificationConfiguration: { QueueConfigurations },
    }),
  );
  client.destroy();
}
