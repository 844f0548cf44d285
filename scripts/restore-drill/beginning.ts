import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import type { S3Server } from '../../test/support/s3-server.ts';
import type { Runbook } from './runbook.ts';

const SIZES = [1, 1_000, 100_000, 5 * 1024 ** 2 + 1];

/** What must come back after each disaster: id → SHA-256 of what was uploaded, in hex. */
export type Objects = Map<string, string>;

/** Buckets of its own, a configuration, and a safe beside it with the age identity that opens exports. */
export async function prepare(dir: string, safe: string, s3: S3Server, hierarchy: string): Promise<string> {
  const id = randomUUID();
  await s3.createBucket(`drill-${id}`, { versioning: true });
  await s3.createBucket(`drill-copies-${id}`, { versioning: true });
  await mkdir(dir);
  await mkdir(safe);
  await writeFile(join(dir, 'sealslot.yaml'), configuration(s3, id, hierarchy), { mode: 0o600 });
  const identity = await generateX25519Identity();
  await writeFile(join(safe, 'identity.txt'), `${identity}\n`, { mode: 0o600 });
  return identityToRecipient(identity);
}

function configuration(s3: S3Server, id: string, hierarchy: string): string {
  return `
listen: { host: 127.0.0.1, port: 0 }
admin: { host: 127.0.0.1, port: 0 }
store: { kind: sqlite, path: sealslot.db }
custody:
  current: local
  wrappers: { local: { kind: local, kekFile: kek.json } }
  recovery: { target: main, bucket: drill-copies-${id} }
  ${hierarchy}
s3:
  targets:
    main:
      endpoint: ${s3.endpoint}
      region: ${s3.region}
      pathStyle: true
      caFile: ${s3.caFile}
      credentials: { kind: static, accessKeyId: ${s3.accessKeyId}, secretAccessKey: ${s3.secretAccessKey} }
tenants:
  acme: { target: main, bucket: drill-${id} }
`;
}

/** A service that has been in use: a rotated KEK, keys wrapped anew, an object re-keyed, one uploaded since, and backups. */
export async function beginning({ dir, run, serve }: Runbook, recipient: string): Promise<Objects> {
  const objects: Objects = new Map();
  async function upload(name: string, size: number): Promise<string> {
    const bytes = randomBytes(size);
    await writeFile(join(dir, name), bytes);
    const told = await run(`sealslot upload --api-key-file token --json ${name}`);
    const { id } = JSON.parse(told) as { id: string };
    objects.set(id, createHash('sha256').update(bytes).digest('hex'));
    return id;
  }

  await run('sealslot init');
  await run(makeToken);
  const service = await serve();
  try {
    const ids: string[] = [];
    for (const size of SIZES) ids.push(await upload(`${size}.bin`, size));
    await run('sealslot kek rotate --wrapper local');
    await run('cp kek.json ../safe/kek.json');
    await run('sealslot rewrap --to local');
    await run(`sealslot rekey --tenant acme ${ids[1] ?? ''}`);
    await upload('later.bin', 12_345);
    await run('sealslot kek status');
    const exported = await run(`sealslot export --recipient ${recipient} --output ../safe/keys.age`);
    // The re-keyed object has two keys: that of its older version is kept.
    assert.match(exported, new RegExp(`${objects.size + 1} keys of ${objects.size} uploads`));
    await run('sealslot audit');
  } finally {
    await service.stop();
  }
  return objects;
}

/** API keys are in the store alone, so each lost store needs new ones. */
export const makeToken =
  'sealslot api-key create --tenant acme --name drill --scopes uploads:write,uploads:read,objects:read > token';
