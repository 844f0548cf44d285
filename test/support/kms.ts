import { join } from 'node:path';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  KMSClient,
  ScheduleKeyDeletionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import type { AwsKmsConfig } from '../../src/config/config.ts';
import { DEFAULTS } from '../../src/config/defaults.ts';
import { Secret } from '../../src/secret.ts';
import { makeCa } from './ca.ts';
import { kmsProxy, type KmsProxy } from './kms/proxy.ts';
import { freePort, startProcess, waitUntil } from './processes.ts';
import { pythonVenv } from './python.ts';
import { TEST_CREDENTIALS, scratchFolder } from './s3-server.ts';

export type { KmsCall, KmsProxy } from './kms/proxy.ts';

const REGION = 'eu-central-1';
const DELETION_DAYS = 7;

/** An AWS KMS, by moto, that answers at `https://localhost`. Its keys end with it. */
export interface TestKms extends KmsProxy {
  readonly region: string;
  readonly caFile: string;
  readonly caPem: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** @returns the new key's ARN. */
  createKey(): Promise<string>;
  /** @param name `alias/…`. */
  createAlias(name: string, keyArn: string): Promise<void>;
  moveAlias(name: string, keyArn: string): Promise<void>;
  /** As in AWS: DescribeKey tells, and every use is refused. */
  disableKey(keyArn: string): Promise<void>;
  enableKey(keyArn: string): Promise<void>;
  scheduleDeletion(keyArn: string): Promise<void>;
  /** A second way in to the same keys, with refusals and counts of its own. */
  proxy(): Promise<KmsProxy>;
  stop(): Promise<void>;
}

/** @throws MissingBackend when Python or moto is not to be had. */
export async function startKms(options: { log?: (line: string) => void } = {}): Promise<TestKms> {
  const bin = await pythonVenv('moto', join(import.meta.dirname, 'requirements-moto.txt'));
  const scratch = await scratchFolder('kms');
  try {
    const ca = await makeCa(join(scratch.path, 'tls'));
    const upstream = new URL(`http://127.0.0.1:${await freePort()}`);
    const args = ['-H', upstream.hostname, '-p', upstream.port];
    const running = await startProcess(join(bin, 'moto_server'), args, { cwd: scratch.path, ...options });
    try {
      await waitUntil('moto', () => isReady(upstream), { running });
    } catch (error) {
      await running.stop();
      throw error;
    }
    const proxies = [await kmsProxy(upstream, ca)];
    const first = proxies[0]!;
    const client = new KMSClient({
      endpoint: upstream.href,
      region: REGION,
      credentials: TEST_CREDENTIALS,
      // The first answer may be slow: moto loads its KMS when that is first asked.
      requestHandler: { requestTimeout: 30_000, throwOnRequestTimeout: true },
    });
    const stop = async (): Promise<void> => {
      client.destroy();
      await Promise.all(proxies.map((proxy) => proxy.cut()));
      await running.stop();
      await scratch.remove();
    };
    return {
      ...first,
      ...TEST_CREDENTIALS,
      region: REGION,
      caFile: ca.caFile,
      caPem: ca.caPem,
      async createKey() {
        const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeyUsage: 'ENCRYPT_DECRYPT' }));
        return KeyMetadata?.Arn ?? '';
      },
      async createAlias(AliasName, TargetKeyId) {
        await client.send(new CreateAliasCommand({ AliasName, TargetKeyId }));
      },
      async moveAlias(AliasName, TargetKeyId) {
        await client.send(new UpdateAliasCommand({ AliasName, TargetKeyId }));
      },
      // moto goes on using keys in these states, so the proxies refuse in its place.
      async disableKey(keyArn) {
        await client.send(new DisableKeyCommand({ KeyId: idOf(keyArn) }));
        for (const proxy of proxies) proxy.refuse(keyArn, 'DisabledException');
      },
      async enableKey(keyArn) {
        await client.send(new EnableKeyCommand({ KeyId: idOf(keyArn) }));
        for (const proxy of proxies) proxy.allow(keyArn);
      },
      async scheduleDeletion(keyArn) {
        const PendingWindowInDays = DELETION_DAYS;
        await client.send(new ScheduleKeyDeletionCommand({ KeyId: idOf(keyArn), PendingWindowInDays }));
        for (const proxy of proxies) proxy.refuse(keyArn, 'KMSInvalidStateException');
      },
      async proxy() {
        const another = await kmsProxy(upstream, ca);
        proxies.push(another);
        return another;
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await scratch.remove();
    throw error;
  }
}

/** A wrapper's configuration for a key of this KMS. @param keyId ARN, alias ARN, id or `alias/…`. */
export function kmsConfig(kms: TestKms, keyId: string): AwsKmsConfig {
  return {
    kind: 'aws-kms',
    keyId,
    region: kms.region,
    fips: false,
    endpoint: new URL(kms.endpoint),
    ca: kms.caPem,
    caFile: kms.caFile,
    credentials: {
      kind: 'static',
      accessKeyId: kms.accessKeyId,
      secretAccessKey: new Secret(kms.secretAccessKey),
      sessionToken: undefined,
    },
    ...DEFAULTS.custody,
  };
}

/** moto changes a key's state by nothing but its id. */
const idOf = (keyArn: string): string => keyArn.split('/')[1] ?? '';

async function isReady(upstream: URL): Promise<boolean> {
  return fetch(new URL('/moto-api/', upstream)).then(
    ({ ok }) => ok,
    () => false,
  );
}
