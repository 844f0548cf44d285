import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createTarget } from '../../src/s3/adapters/target.ts';
import { available } from '../support/available.ts';
import { operatorFolder, sealslotIn, settingsOn } from '../support/doctor.ts';
import { startMinio } from '../support/minio.ts';
import type { CorsRule } from '../../src/s3/port.ts';
import type { S3Server } from '../support/s3-server.ts';
import { targetConfigOf } from '../support/s3-target.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';

const minio = await available(() => startMinio());
const seaweedfs = await available(() => startSeaweedfs());
after(() => Promise.all([minio.stop(), seaweedfs.stop()]));

const APP = 'https://app.example.com';
const OTHER = 'https://other.example.com';
const THEIRS: CorsRule = {
  ID: 'theirs',
  AllowedOrigins: ['https://theirs.example'],
  AllowedMethods: ['GET'],
  AllowedHeaders: ['range'],
};

async function putRules(bucket: string, rules: readonly CorsRule[]): Promise<void> {
  const target = createTarget(targetConfigOf(seaweedfs.get()));
  await target.buckets.putCorsRules(bucket, rules).finally(() => target.close());
}

/** The IDs of a bucket's rules, in their order. */
async function idsOf(bucket: string): Promise<(string | undefined)[]> {
  const target = createTarget(targetConfigOf(seaweedfs.get()));
  const rules = await target.buckets.corsRules(bucket).finally(() => target.close());
  return rules.map(({ ID }) => ID);
}

/** A bucket on the server that two tenants share, of which only the second has forms. */
async function shared(s3: S3Server, origins: readonly string[] = [APP]) {
  const settings = await settingsOn(s3);
  const folder = await operatorFolder({ ...settings, origins });
  const path = join(folder.dir, 'sealslot.yaml');
  const at = { target: 'main', bucket: settings.bucket };
  const write = async (change: object) => {
    const config = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...config, ...change }));
  };
  await write({ tenants: { acme: { ...at, methods: ['PUT'] }, globex: { ...at, methods: ['POST'] } } });
  const cors = (...args: readonly string[]) => sealslotIn(folder.dir, 'cors', ...args);
  return { folder, bucket: settings.bucket, cors, write };
}

describe('cors on SeaweedFS', { skip: seaweedfs.skip }, () => {
  it('is wrong, is applied for both tenants at once, and is right; a second time changes nothing', async () => {
    const { folder, bucket, cors, write } = await shared(seaweedfs.get());
    await using _ = folder;
    // Without any rule this server lets every page in.
    await putRules(bucket, [THEIRS]);
    const before = await cors('check', '--json');
    assert.equal(before.exitCode, 1, before.stdout);

    const dry = await cors('apply', '--dry-run');
    assert.equal(dry.exitCode, 0, dry.stdout + dry.stderr);
    assert.match(
      dry.stdout,
      /\+ sealslot; https:\/\/app\.example\.com; GET HEAD PUT POST;.*\n(?:.*\n)*Nothing was changed/,
    );
    assert.equal((await cors('check', '--json')).exitCode, 1, 'a dry run changes nothing');

    const applied = await cors('apply');
    assert.equal(applied.exitCode, 0, applied.stdout + applied.stderr);
    assert.match(applied.stdout, /Browsers are let through\.\n$/);
    const check = JSON.parse((await cors('check', '--json')).stdout) as {
      exitCode: number;
      findings: { check: string; outcome: string }[];
    };
    assert.equal(check.exitCode, 0);
    assert.deepEqual(
      check.findings.map((one) => `${one.check} ${one.outcome}`),
      ['cors.put ok', 'cors.post ok', 'cors.get ok', 'cors.etag ok', 'cors.others ok'],
    );
    assert.match((await cors('apply')).stdout, /= it has our rule already/);

    // The origins change: our rule is replaced, and is still one.
    await write({ cors: { origins: [OTHER] } });
    const changed = await cors('apply', '--bucket', bucket);
    assert.equal(changed.exitCode, 0, changed.stdout + changed.stderr);
    assert.match(
      changed.stdout,
      /- sealslot; https:\/\/app\.example.*\n {2}\+ sealslot; https:\/\/other\.example/,
    );
  });

  it('leaves the rules of others alone, and takes out one that answers the same pages only when told to', async () => {
    const { folder, bucket, cors } = await shared(seaweedfs.get());
    await using _ = folder;
    const rival = { ID: 'rival', AllowedOrigins: ['https://app.*'], AllowedMethods: ['GET', 'PUT'] };
    await putRules(bucket, [THEIRS, rival]);

    const refused = await cors('apply');
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stdout, /\? rival; https:\/\/app\.\*; GET PUT;.*\n {2}not changed:/);
    assert.deepEqual(await idsOf(bucket), ['theirs', 'rival']);

    const replaced = await cors('apply', '--replace');
    assert.equal(replaced.exitCode, 0, replaced.stdout + replaced.stderr);
    assert.deepEqual(await idsOf(bucket), ['theirs', 'sealslot']);
  });

  it('has no rule to make without origins', async () => {
    const { folder, cors } = await shared(seaweedfs.get(), []);
    await using _ = folder;
    for (const command of ['print', 'apply']) {
      const { exitCode, stderr } = await cors(command);
      assert.equal(exitCode, 64);
      assert.match(stderr, /cors\.origins is empty/);
    }
    assert.equal((await cors('check')).exitCode, 0);
  });
});

describe('cors on MinIO', { skip: minio.skip }, () => {
  it('cannot be applied to a bucket: says what to start MinIO with, and checks', async () => {
    const { folder, cors } = await shared(minio.get(), [APP, OTHER]);
    await using _ = folder;
    const { exitCode, stdout } = await cors('apply');
    assert.equal(exitCode, 1);
    assert.match(stdout, /not changed: on this S3, buckets have no CORS rules \(\d+ NotImplemented\)/);
    assert.ok(stdout.includes(`MINIO_API_CORS_ALLOW_ORIGIN=${APP},${OTHER}`), stdout);
    assert.match(stdout, /✓ CORS, upload/);
    assert.equal((await cors('check')).exitCode, 0);
  });

  it('is printed without asking anybody, in each form', async () => {
    const { folder, bucket, cors, write } = await shared(minio.get());
    await using _ = folder;
    const at = { target: 'main' };
    await write({
      tenants: { acme: { ...at, bucket: 'one' }, globex: { ...at, bucket: 'two', methods: ['POST'] } },
    });
    const aws = await cors('print');
    assert.equal(aws.exitCode, 0, aws.stderr);
    assert.match(
      aws.stdout,
      /^# bucket one on main \(acme\)\naws s3api put-bucket-cors --bucket one --endpoint-url https:/,
    );
    assert.equal(aws.stdout.split('\n').length, 5);
    const json = await cors('print', '--bucket', 'two', '--format', 'json');
    const { CORSRules } = JSON.parse(json.stdout) as { CORSRules: { AllowedMethods: string[] }[] };
    assert.deepEqual(CORSRules[0]?.AllowedMethods, ['GET', 'HEAD', 'POST']);
    const both = await cors('print', '--format', 'json');
    assert.equal(both.exitCode, 64);
    assert.match(both.stderr, /--bucket, one of one, two/);
    assert.equal((await cors('print', '--format', 'minio')).stdout, `MINIO_API_CORS_ALLOW_ORIGIN=${APP}\n`);
    assert.match((await cors('print', '--bucket', bucket)).stderr, /must be one of one, two/);
  });
});
