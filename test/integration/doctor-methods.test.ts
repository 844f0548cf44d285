import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import {
  settingsOn,
  diagnoseIn,
  operatorFolder,
  sealslotIn,
  startSealslot,
  type Diagnosis,
  type Settings,
} from '../support/doctor.ts';
import { startMinio } from '../support/minio.ts';
import { credentialsWithout, type SessionCredentials } from '../support/minio-session.ts';
import { waitUntil } from '../support/processes.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { faultProxy } from '../support/fault-proxy.ts';
import { listAll } from './support-s3.ts';

const minio = await available(() => startMinio());
const seaweedfs = await available(() => startSeaweedfs());
after(() => Promise.all([minio.stop(), seaweedfs.stop()]));

const FORMS = ['PUT', 'POST'];
const PARTS = ['PUT', 'multipart'];
const FORM_CHECKS = ['form', 'form.signature', 'form.fanout'];
const PARTS_CHECKS = ['multipart', 'multipart.signature'];

/** Two tenants of one bucket, of which only the second may use `methods`. */
async function folderWith(settings: Settings, methods: readonly string[], custody: object = {}) {
  const folder = await operatorFolder(settings);
  const path = join(folder.dir, 'sealslot.yaml');
  const config = JSON.parse(await readFile(path, 'utf8')) as { custody: object };
  const at = { target: 'main', bucket: settings.bucket };
  const tenants = { acme: { ...at, methods: ['PUT'] }, globex: { ...at, methods } };
  await writeFile(path, JSON.stringify({ ...config, custody: { ...config.custody, ...custody }, tenants }));
  return folder;
}

async function signUploadsWith(dir: string, session: SessionCredentials): Promise<void> {
  const path = join(dir, 'sealslot.yaml');
  const config = JSON.parse(await readFile(path, 'utf8')) as { s3: { targets: { main: object } } };
  await writeFile(join(dir, 'upload-secret'), session.secretAccessKey, { mode: 0o600 });
  await writeFile(join(dir, 'upload-session'), session.sessionToken, { mode: 0o600 });
  const uploadCredentials = {
    kind: 'static',
    accessKeyId: session.accessKeyId,
    secretAccessKeyFile: 'upload-secret',
    sessionTokenFile: 'upload-session',
  };
  const targets = { main: { ...config.s3.targets.main, uploadCredentials } };
  await writeFile(path, JSON.stringify({ ...config, s3: { targets } }));
}

async function diagnose(
  settings: Settings,
  methods: readonly string[],
  custody?: object,
): Promise<Diagnosis> {
  await using folder = await folderWith(settings, methods, custody);
  return await diagnoseIn(folder.dir);
}

/** The outcomes of these checks, by name; those that were not asked are missing. */
function outcomes({ findings }: Diagnosis, checks: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    findings.filter(({ check }) => checks.includes(check)).map(({ check, outcome }) => [check, outcome]),
  );
}

const all = (checks: readonly string[], outcome: string) =>
  Object.fromEntries(checks.map((check) => [check, outcome]));
const remedyOf = ({ findings }: Diagnosis, name: string): string =>
  findings.find(({ check }) => check === name)?.remedy ?? '';

describe(
  'sealslot doctor, of how clients upload',
  { skip: minio.skip || seaweedfs.skip, concurrency: 2 },
  () => {
    for (const [name, backend] of [
      ['minio', minio],
      ['seaweedfs', seaweedfs],
    ] as const) {
      for (const versioning of [false, true]) {
        it(`${name}, ${versioning ? 'versioned' : 'unversioned'}: in parts, and nothing is left`, async () => {
          const settings = await settingsOn(backend.get(), versioning);
          const diagnosis = await diagnose(settings, PARTS);
          assert.deepEqual(diagnosis.wrong, []);
          assert.deepEqual(outcomes(diagnosis, [...FORM_CHECKS, ...PARTS_CHECKS]), all(PARTS_CHECKS, 'ok'));
          assert.deepEqual(await listAll(backend.get(), settings.bucket), []);
        });
      }
    }

    it('asks neither of forms nor of parts where no tenant may use them', async () => {
      const settings = await settingsOn(minio.get());
      const diagnosis = await diagnose(settings, ['PUT']);
      assert.deepEqual(outcomes(diagnosis, [...FORM_CHECKS, ...PARTS_CHECKS]), {});
    });

    it('SeaweedFS: forms are right, and nothing is left', async () => {
      const settings = await settingsOn(seaweedfs.get(), true);
      const diagnosis = await diagnose(settings, FORMS);
      assert.deepEqual(diagnosis.wrong, []);
      assert.deepEqual(outcomes(diagnosis, [...FORM_CHECKS, ...PARTS_CHECKS]), all(FORM_CHECKS, 'ok'));
      assert.deepEqual(await listAll(seaweedfs.get(), settings.bucket), []);
    });

    for (const [name, backend, outcome] of [
      ['minio', minio, 'ok'],
      ['seaweedfs', seaweedfs, 'off'],
    ] as const) {
      it(`${name}: forms with recovery copies are ${outcome}`, async () => {
        const s3 = backend.get();
        const [settings, copies] = [await settingsOn(s3), await settingsOn(s3)];
        const session = name === 'minio' ? await credentialsWithout(s3, 's3:PutObjectFanOut') : {};
        const custody = { recovery: { target: 'main', bucket: copies.bucket }, hierarchy: {} };
        const diagnosis = await diagnose({ ...settings, ...session }, FORMS, custody);
        assert.deepEqual(diagnosis.wrong, outcome === 'ok' ? [] : ['form: off']);
        assert.equal(outcomes(diagnosis, ['form'])['form'], outcome);
        assert.deepEqual(await listAll(s3, settings.bucket), []);
      });
    }

    for (const versioning of [false, true]) {
      it(`MinIO, ${versioning ? 'versioned' : 'unversioned'}: forms reach other objects, serve does not start, and nothing is left`, async () => {
        const settings = await settingsOn(minio.get(), versioning);
        await using folder = await folderWith(settings, FORMS);
        const diagnosis = await diagnoseIn(folder.dir);
        assert.equal(diagnosis.exitCode, 2);
        assert.deepEqual(diagnosis.wrong, ['form.fanout: unsafe']);
        assert.match(remedyOf(diagnosis, 'form.fanout'), /deny s3:PutObjectFanOut.*methods/);
        const served = await sealslotIn(folder.dir, 'serve');
        assert.equal(served.exitCode, 2);
        assert.match(served.stdout, /"check":"form\.fanout"/);
        assert.ok(!served.stdout.includes('"ready"'));
        assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
      });
    }

    it('MinIO, without the right to fan out: forms are right, serve starts, and nothing is left', async () => {
      const settings = await settingsOn(minio.get(), true);
      const session = await credentialsWithout(minio.get(), 's3:PutObjectFanOut');
      await using folder = await folderWith({ ...settings, ...session }, FORMS);
      const diagnosis = await diagnoseIn(folder.dir);
      assert.deepEqual(diagnosis.wrong, []);
      assert.deepEqual(outcomes(diagnosis, FORM_CHECKS), all(FORM_CHECKS, 'ok'));
      const lines: string[] = [];
      await using running = await startSealslot(folder.dir, 'serve', (line) => lines.push(line));
      await waitUntil('ready', () => lines.some((line) => line.includes('"ready"')), { running });
      assert.deepEqual(
        lines.filter((line) => line.includes('"check":"form')),
        [],
      );
      assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
    });

    it('MinIO: forms and parts are examined with what uploads are signed with', async () => {
      const settings = await settingsOn(minio.get());
      const mayNotFanOut = await credentialsWithout(minio.get(), 's3:PutObjectFanOut');
      const mayFanOut = await credentialsWithout(minio.get(), 's3:GetObject');
      for (const [own, upload, wrong] of [
        [{}, mayNotFanOut, []],
        [mayNotFanOut, mayFanOut, ['form.fanout: unsafe']],
      ] as const) {
        await using folder = await folderWith({ ...settings, ...own }, ['PUT', 'POST', 'multipart']);
        await signUploadsWith(folder.dir, upload);
        const diagnosis = await diagnoseIn(folder.dir);
        assert.deepEqual(diagnosis.wrong, wrong);
        assert.deepEqual(outcomes(diagnosis, PARTS_CHECKS), all(PARTS_CHECKS, 'ok'));
        assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
      }
    });

    for (const [denied, check] of [
      ['s3:AbortMultipartUpload', 'right.abort'],
      ['s3:ListMultipartUploadParts', 'right.parts'],
    ] as const) {
      it(`${denied} is missing: named, and no upload is begun that could not be thrown away`, async () => {
        const settings = await settingsOn(minio.get());
        const session = await credentialsWithout(minio.get(), denied);
        const diagnosis = await diagnose({ ...settings, ...session }, PARTS);
        assert.equal(diagnosis.exitCode, 1);
        assert.deepEqual(diagnosis.wrong, [`${check}: off`]);
        assert.ok(remedyOf(diagnosis, check).includes(`grant ${denied} on`));
        assert.deepEqual(outcomes(diagnosis, PARTS_CHECKS), {});
        assert.deepEqual(await listAll(minio.get(), settings.bucket), []);
        const puts = await diagnose({ ...settings, ...session }, ['PUT']);
        assert.deepEqual(outcomes(puts, [check]), { [check]: 'note' });
      });
    }

    // MinIO lists an unfinished upload only to those who know its object key.
    it('SeaweedFS: Ctrl-C amid an upload in parts: it is thrown away', async () => {
      const settings = await settingsOn(seaweedfs.get());
      await using relay = await faultProxy(settings.endpoint);
      await using folder = await folderWith({ ...settings, endpoint: relay.endpoint.href }, PARTS);
      await using running = await startSealslot(folder.dir, 'doctor', (line) => {
        if (!line.includes('parts, signed')) return;
        relay.hold();
        process.kill(running.pid, 'SIGINT');
      });
      await waitUntil('the interruption', () => running.tail().includes('Interrupted'), { running });
      const there = await listAll(seaweedfs.get(), settings.bucket);
      assert.equal(there.filter((objectKey) => objectKey.endsWith('/in-parts')).length, 1);
      relay.release();
      assert.equal(await running.ended, 130);
      assert.deepEqual(await listAll(seaweedfs.get(), settings.bucket), []);
    });
  },
);
