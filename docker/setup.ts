/**
 * What a service of docker-compose.yml needs before it starts, each made once: a KEK where it is one in a file, a versioned bucket, an API key in a
 * file. It reads all names from the service's own configuration. `setup.ts API_KEY_FILE`
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  BucketAlreadyOwnedByYou,
  CreateBucketCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { parse } from 'yaml';

interface Configuration {
  custody: { wrappers: { local?: { kekFile: string } } };
  s3: {
    targets: {
      main: {
        endpoint: string;
        region: string;
        caFile: string;
        credentials: { accessKeyId: string; secretAccessKeyFile: string };
      };
    };
  };
  tenants: { acme: { bucket: string } };
}

const { custody, s3, tenants } = parse(
  read(process.env['SEALSLOT_CONFIG'] ?? 'sealslot.yaml'),
) as Configuration;
const SCOPES = 'uploads:write,uploads:read,objects:read,objects:delete,keys:rotate';
const kekFile = custody.wrappers.local?.kekFile;
const [apiKeyFile = ''] = process.argv.slice(2);

if (kekFile !== undefined && !existsSync(kekFile)) say(sealslot('init', '--kek-file', kekFile));
await makeBucket(tenants.acme.bucket);
if (!existsSync(apiKeyFile)) {
  const token = sealslot('api-key', 'create', '--tenant', 'acme', '--name', 'compose', '--scopes', SCOPES);
  writeFileSync(`${apiKeyFile}.new`, token, { mode: 0o600 });
  renameSync(`${apiKeyFile}.new`, apiKeyFile);
  say(`${apiKeyFile}: an API key of acme`);
}

async function makeBucket(bucket: string): Promise<void> {
  const { endpoint, region, caFile, credentials } = s3.targets.main;
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: {
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: read(credentials.secretAccessKeyFile).trim(),
    },
    requestHandler: { httpsAgent: { ca: read(caFile) } },
  });
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } catch (error) {
    if (!(error instanceof BucketAlreadyOwnedByYou)) throw error;
  }
  const VersioningConfiguration = { Status: 'Enabled' as const };
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  client.destroy();
  say(`bucket ${bucket}, versioned`);
}

/** @returns its standard output; an API key is printed there and nowhere else. */
function sealslot(...args: string[]): string {
  const program = resolve(import.meta.dirname, '../bin/sealslot.js');
  return execFileSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

function read(path: string): string {
  return readFileSync(path, 'utf8');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
