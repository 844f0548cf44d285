import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { inspectStore, openKeks, openStore } from '../../src/composition.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { UNCOUNTED } from '../../src/custody/counted.ts';
import { examine } from '../../src/doctor/examine.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { exitCodeOf } from '../../src/doctor/report.ts';
import { createTarget } from '../../src/s3/adapters/target.ts';
import { insertOne, uploadOf, wrappedOf } from '../contract/store-rows.ts';
import { available } from '../support/available.ts';
import { makeCa, type TestCa } from '../support/ca.ts';
import {
  settingsOn,
  diagnose,
  diagnoseIn,
  operatorFolder,
  headOf,
  sealslotIn,
  startSealslot,
  type Diagnosis,
  type Settings,
} from '../support/doctor.ts';
import { startMinio } from '../support/minio.ts';
import { credentialsWithout } from '../support/minio-session.ts';
import { waitUntil } from '../support/processes.ts';
import { scratchFolder } from '../support/s3-server.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { startStubS3 } from '../support/stub-s3.ts';
import { faultProxy } from '../support/fault-proxy.ts';
import { listAll, openToAll } from './support-s3.ts';

const minio = await available(() => startMinio());
const strictMinio = await available(() => startMinio({ region: 'eu-central-1' }));
const seaweedfs = await available(() => startSeaweedfs());
after(() => Promise.all([minio.stop(), strictMinio.stop(), seaweedfs.stop()]));

/** MinIO takes s3:ListBucket for s3:ListBucketVersions too, so only both together can be taken away. */
const MISSING_RIGHTS = [
  { denied: ['s3:ListBucketVersions', 's3:ListBucket'], wrong: ['right.versions'] },
  { denied: ['s3:ListBucketMultipartUploads'], wrong: ['right.multiparts'] },
  { denied: ['s3:GetObjectTagging'], wrong: ['right.tags'] },
  { denied: ['s3:AbortMultipartUpload'], wrong: ['right.abort'] },
  { denied: ['s3:DeleteObject', 's3:DeleteObjectVersion'], wrong: ['right.delete'] },
] as const;

const said = ({ findings }: Diagnosis, check: string): string =>
  findings
    .filter((finding) => finding.check === check)
    .map(({ found, remedy = '' }) => `${found}; ${remedy}`)
    .join('\n');

describe('sealslot doctor', { skip: minio.skip || seaweedfs.skip, concurrency: 3 }, () => {
  for (const [name, backend] of [
    ['minio', minio],
    ['seaweedfs', seaweedfs],
  ] as const) {
    for (const versioning of [false, true]) {
      it(`${name}, ${versioning ? 'versioned' : 'unversioned'}: all is right, and nothing is left`, async () => {
        const settings = await settingsOn(backend.get(), versioning);
        const diagnosis = await diagnose({ ...settings, origins: ['https://app.example.com'] });
        assert.deepEqual(diagnosis.wrong, []);
        assert.equal(diagnosis.exitCode, 0);
        assert.match(said(diagnosis, 'bucket.versioning'), versioning ? /versioned/ : /not versioned/);
        for (const check of [
          'sse.named',
          'overwrite',
          'key.needed',
          'signature',
          'checksum.sha256',
          'anonymous.write',
        ])
          assert.ok(
            diagnosis.findings.some((finding) => finding.check === check && finding.outcome === 'ok'),
            check,
          );
        assert.deepEqual(await listAll(backend.get(), settings.bucket), []);
      });
    }
  }

  it('no TLS: named, and nothing is sent in the clear', async () => {
    const asked: string[] = [];
    const plain = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end();
    }).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const address = plain.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const settings = await settingsOn(minio.get());
    const diagnosis = await diagnose({ ...settings, endpoint: `https://localhost:${port}` }).finally(() =>
      plain.close(),
    );
    assert.equal(diagnosis.exitCode, 1);
    assert.match(said(diagnosis, 'tls'), /TLS/);
    assert.deepEqual(asked, []);
  });

  it('a private CA that is not trusted: the remedy is caFile', async () => {
    const settings = await settingsOn(minio.get());
    const diagnosis = await diagnose({ ...settings, caFile: seaweedfs.get().caFile });
    assert.equal(diagnosis.exitCode, 1);
    assert.match(said(diagnosis, 'tls'), /caFile/);
    assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
  });

  it('a missing bucket', async () => {
    const diagnosis = await diagnose({ ...(await settingsOn(minio.get())), bucket: 'nowhere' });
    assert.equal(diagnosis.exitCode, 1);
    assert.deepEqual(diagnosis.wrong, ['bucket.exists: off']);
    assert.match(said(diagnosis, 'bucket.exists'), /nowhere/);
  });

  it('wrong credentials: an unknown access key, a wrong secret', async () => {
    const settings = await settingsOn(minio.get());
    for (const wrong of [{ accessKeyId: 'AKIDUNKNOWN' }, { secretAccessKey: 'wrong-secret' }]) {
      const diagnosis = await diagnose({ ...settings, ...wrong });
      assert.equal(diagnosis.exitCode, 1);
      assert.deepEqual(diagnosis.wrong, ['bucket.credentials: off']);
      assert.ok(!JSON.stringify(diagnosis).includes('wrong-secret'));
    }
  });

  it('a wrong region: the right one is named', async () => {
    const settings = await settingsOn(strictMinio.get());
    const diagnosis = await diagnose({ ...settings, region: 'us-east-1' });
    assert.equal(diagnosis.exitCode, 1);
    assert.deepEqual(diagnosis.wrong, ['bucket.region: off']);
    assert.match(said(diagnosis, 'bucket.region'), /eu-central-1/);
    assert.equal((await diagnose(settings)).exitCode, 0);
  });

  it('an expired certificate', async () => {
    await using stub = await startStubS3({ ca: await expiredCa() });
    await stub.createBucket('uploads');
    const diagnosis = await diagnose({ ...stub, bucket: 'uploads' });
    assert.equal(diagnosis.exitCode, 1);
    assert.match(said(diagnosis, 'tls'), /2020-01-02/);
    assert.equal(stub.requests(), 0);
  });

  it('a clock that is 20 minutes off', async () => {
    const settings = await settingsOn(minio.get());
    const findings = await examineHere(settings, () => Date.now() + 20.5 * 60_000);
    assert.equal(exitCodeOf(findings), 1);
    const clock = findings.find(({ check }) => check === 'clock');
    assert.equal(clock?.outcome, 'off');
    assert.match(clock.found, /20 min/);
    assert.ok(findings.some(({ check, outcome }) => check === 'bucket.clock' && outcome === 'off'));
    assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
  });

  for (const [fault, check] of [
    ['says ok to everything', 'signature'],
    ['overwrites', 'overwrite'],
    ['stores plain text', 'sse.named'],
  ] as const) {
    it(`an S3 with the fault "${fault}" is unsafe: the doctor ends with 2, and serve does not start`, async () => {
      await using stub = await startStubS3({ fault });
      await stub.createBucket('uploads');
      await using folder = await operatorFolder({ ...stub, bucket: 'uploads' });
      const diagnosis = await diagnoseIn(folder.dir);
      assert.equal(diagnosis.exitCode, 2);
      assert.ok(diagnosis.wrong.includes(`${check}: unsafe`), diagnosis.wrong.join());
      const served = await sealslotIn(folder.dir, 'serve');
      assert.equal(served.exitCode, 2);
      assert.match(served.stdout, new RegExp(`"check":"${check}"`));
      assert.ok(!served.stdout.includes('"ready"'));
      assert.deepEqual(stub.objects('uploads'), []);
    });
  }

  it('a bucket that everybody may write to is unsafe, whoever else may read it; nothing is left', async () => {
    const settings = await settingsOn(minio.get());
    await openToAll(minio.get(), settings.bucket);
    const diagnosis = await diagnose(settings);
    assert.equal(diagnosis.exitCode, 2);
    assert.deepEqual(diagnosis.wrong, ['anonymous.write: unsafe']);
    for (const check of ['anonymous.list', 'anonymous.read'])
      assert.equal(diagnosis.findings.find((finding) => finding.check === check)?.outcome, 'note', check);
    assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
  });

  it('serve starts with a right S3 and leaves nothing there; with a missing bucket it starts and says so', async () => {
    const settings = await settingsOn(minio.get());
    for (const bucket of [settings.bucket, 'nowhere']) {
      await using folder = await operatorFolder({ ...settings, bucket });
      const lines: string[] = [];
      await using running = await startSealslot(folder.dir, 'serve', (line) => lines.push(line));
      await waitUntil('ready', () => lines.some((line) => line.includes('"ready"')), { running });
      const warned = lines.some((line) => line.includes('"check":"bucket.exists"'));
      assert.equal(warned, bucket === 'nowhere');
    }
    assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
  });

  it('a reader that goes away, as `| head` does, is an interruption too', async () => {
    const settings = await settingsOn(minio.get());
    await using folder = await operatorFolder(settings);
    const { stdout, stderr } = await headOf(folder.dir, 'doctor');
    assert.match(stdout, /^configuration/);
    assert.doesNotMatch(stderr, /EPIPE|Unhandled/);
    assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
  });

  it('Ctrl-C in the middle: exit code 130, and what was made is removed', async () => {
    const settings = await settingsOn(minio.get());
    await using relay = await faultProxy(settings.endpoint);
    await using folder = await operatorFolder({ ...settings, endpoint: relay.endpoint.href });
    await using running = await startSealslot(folder.dir, 'doctor', (line) => {
      if (!line.includes('SSE-C')) return;
      relay.hold();
      process.kill(running.pid, 'SIGINT');
    });
    await waitUntil('the interruption', () => running.tail().includes('Interrupted'), { running });
    assert.notDeepEqual(await listAll(minio.get(), settings.bucket), []);
    relay.release();
    assert.equal(await running.ended, 130);
    assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
  });

  for (const [name, backend] of [
    ['minio', minio],
    ['seaweedfs', seaweedfs],
  ] as const) {
    for (const versioning of [false, true]) {
      it(`${name}, ${versioning ? 'versioned' : 'unversioned'}, with recovery copies: all is right, and nothing is left`, async () => {
        const s3 = backend.get();
        const [settings, copies] = [await settingsOn(s3, versioning), await settingsOn(s3, versioning)];
        const diagnosis = await diagnoseRecovery(settings, copies.bucket);
        assert.deepEqual(diagnosis.wrong, []);
        for (const check of [
          'custody.condition',
          'tags',
          'right.tagging',
          'recovery.bucket',
          'recovery.public',
        ])
          assert.equal(diagnosis.findings.find((finding) => finding.check === check)?.outcome, 'ok', check);
        for (const { bucket } of [settings, copies]) assert.deepEqual(await listAll(s3, bucket), []);
      });
    }
  }

  for (const versioning of [false, true]) {
    for (const [denied, wrong] of [
      ['s3:PutObjectTagging', ['right.tagging: off']],
      ['s3:GetObjectTagging', ['right.tags: off']],
    ] as const) {
      it(`${versioning ? 'versioned' : 'unversioned'}, with recovery copies but without ${denied}: named`, async () => {
        const s3 = minio.get();
        const [settings, copies] = [await settingsOn(s3, versioning), await settingsOn(s3)];
        const session = await credentialsWithout(s3, denied);
        const diagnosis = await diagnoseRecovery({ ...settings, ...session }, copies.bucket);
        assert.deepEqual(diagnosis.wrong, wrong);
        assert.match(said(diagnosis, wrong[0].split(':')[0] ?? ''), new RegExp(`grant ${denied}`));
        for (const { bucket } of [settings, copies]) assert.deepEqual(await listAll(s3, bucket), []);
      });
    }
  }

  it('a recovery bucket that is missing, or open to all', async () => {
    const s3 = minio.get();
    const [settings, copies] = [await settingsOn(s3), await settingsOn(s3, true)];
    const missing = await diagnoseRecovery(settings, 'nowhere-at-all');
    assert.deepEqual(missing.wrong, ['recovery.bucket: off']);
    assert.match(said(missing, 'recovery.bucket'), /custody\.recovery\.bucket/);
    await openToAll(s3, copies.bucket);
    const open = await diagnoseRecovery(settings, copies.bucket);
    assert.equal(open.exitCode, 2);
    assert.deepEqual(open.wrong, ['recovery.public: unsafe']);
    assert.deepEqual(await listAll(s3, copies.bucket), []);
  });

  it('a wrapper that was taken out while keys are under it: named; serve says so and starts', async () => {
    const settings = await settingsOn(minio.get());
    await using folder = await operatorFolder(settings);
    const config = await loadConfig({ path: join(folder.dir, 'sealslot.yaml'), env: {} });
    const store = await openStore(config, { serves: false });
    await insertOne(store, uploadOf(1), wrappedOf());
    await store.close();
    const diagnosis = await diagnoseIn(folder.dir);
    assert.deepEqual(diagnosis.wrong, ['custody.needed: off']);
    assert.match(said(diagnosis, 'custody.needed'), /^1 keys of objects under /);
    const lines: string[] = [];
    await using running = await startSealslot(folder.dir, 'serve', (line) => lines.push(line));
    await waitUntil('ready', () => lines.some((line) => line.includes('"ready"')), { running });
    assert.match(lines.find((line) => line.includes('custody.needed')) ?? '', /"level":50/);
  });

  for (const versioning of [false, true]) {
    describe(`a right that is missing, ${versioning ? 'versioned' : 'unversioned'}`, () => {
      for (const { denied, wrong } of MISSING_RIGHTS) {
        it(`${denied.join(', ')}: named, exit code 1, nothing is left`, async () => {
          const settings = await settingsOn(minio.get(), versioning);
          const session = await credentialsWithout(minio.get(), ...denied);
          const diagnosis = await diagnose({ ...settings, ...session });
          assert.equal(diagnosis.exitCode, 1);
          assert.deepEqual(
            diagnosis.wrong,
            wrong.map((check) => `${check}: off`),
          );
          for (const [index, check] of wrong.entries())
            assert.match(said(diagnosis, check), new RegExp(denied[index] ?? ''));
          assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
        });
      }

      it('s3:ListBucket: named, though this S3 does without it', async () => {
        const settings = await settingsOn(minio.get(), versioning);
        const session = await credentialsWithout(minio.get(), 's3:ListBucket');
        const diagnosis = await diagnose({ ...settings, ...session });
        assert.equal(diagnosis.exitCode, 0);
        assert.match(said(diagnosis, 'right.list'), /not granted.*grant s3:ListBucket/);
        assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
      });
    });
  }
});

/** With copies of intermediate keys in another bucket, which may be missing. */
async function diagnoseRecovery(settings: Settings, bucket: string): Promise<Diagnosis> {
  await using folder = await operatorFolder(settings);
  const path = join(folder.dir, 'sealslot.yaml');
  const config = JSON.parse(await readFile(path, 'utf8')) as { custody: object };
  const custody = { ...config.custody, recovery: { target: 'main', bucket }, hierarchy: {} };
  await writeFile(path, JSON.stringify({ ...config, custody }));
  return await diagnoseIn(folder.dir);
}

/** By this process, with a clock of its own. */
async function examineHere(settings: Settings, now: () => number): Promise<Finding[]> {
  await using folder = await operatorFolder(settings);
  const configPath = join(folder.dir, 'sealslot.yaml');
  const config = await loadConfig({ path: configPath, env: {} });
  const { signal } = new AbortController();
  const open = (opened: Config) => openKeks(opened, UNCOUNTED);
  const openTarget = createTarget;
  const context = { config, configPath, openKeks: open, openTarget, inspectStore, now, signal };
  return await Array.fromAsync(examine(context, ['main']));
}

async function expiredCa(): Promise<TestCa> {
  const { path, remove } = await scratchFolder('expired');
  after(remove);
  return makeCa(path, { from: new Date('2020-01-01T00:00:00Z'), to: new Date('2020-01-02T00:00:00Z') });
}
