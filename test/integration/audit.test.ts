import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { CustomerKey } from '../../src/custody/customer-key.ts';
import { createKekFile } from '../../src/custody/kek-file.ts';
import { createTarget } from '../../src/s3/adapters/target.ts';
import type { S3Target } from '../../src/s3/port.ts';
import { available, type Available } from '../support/available.ts';
import { sealslotIn } from '../support/doctor.ts';
import { startMinio } from '../support/minio.ts';
import type { S3Server } from '../support/s3-server.ts';
import { targetConfigOf } from '../support/s3-target.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import {
  environment,
  kekPath,
  runToEnd,
  setUp,
  startService,
  storePath,
  type Service,
} from '../support/service.ts';
import { sendByFetch, trust } from './support-clients.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const BODY = Buffer.from('hello');
const OF_SLOT = 'SELECT wrapped_id FROM keys WHERE upload_id = ?';
const CUSTODY = 'custody: { current: local, wrappers: { local: { kind: local, kekFile: kek.json } }';

interface Slot {
  readonly id: string;
  readonly bucket: string;
  readonly objectKey: string;
  readonly key: CustomerKey;
}

interface Report {
  readonly exitCode: number;
  readonly checked: Readonly<Record<'slots' | 'versions', { looked: number; total: number | null }>>;
  readonly findings: readonly {
    readonly code: string;
    readonly count: number;
    readonly examples: readonly { slot?: string; objectKey?: string; detail: string }[];
  }[];
}

auditSuite('MinIO', await available(startMinio));
auditSuite('SeaweedFS', await available(startSeaweedfs));

/** Each thing an audit finds, made on purpose: `acme` has a bucket with versions, `globex` one without. */
function auditSuite(name: string, backend: Available<S3Server>): void {
  after(() => backend.stop());

  describe(`sealslot audit: ${name}`, { skip: backend.skip }, () => {
    let dir: string;
    let service: Service;
    let direct: S3Target;
    let globex: string;
    before(async () => {
      const s3 = backend.get();
      trust(s3.caPem);
      await s3.createBucket('uploads', { versioning: true });
      for (const bucket of ['flat', 'recovery']) await s3.createBucket(bucket);
      dir = await mkdtemp(join(tmpdir(), 'sealslot-audit-'));
      await setUp(dir, { s3, tenant: 'maxSizeBytes: 1000 }\n  globex: { target: main, bucket: flat' });
      await edit('sealslot.yaml', CUSTODY, `${CUSTODY}, recovery: { target: main, bucket: recovery }`);
      const scopes = ['--scopes', 'uploads:write,uploads:read'];
      const made = await runToEnd(dir, {}, [
        'api-key',
        'create',
        '--tenant',
        'globex',
        '--name',
        'g',
        ...scopes,
      ]);
      globex = made.trim();
      service = await startService({ dir });
      direct = directTo(s3);
    });
    after(async () => {
      await service[Symbol.asyncDispose]();
      direct.close();
      await rm(dir, { recursive: true, force: true });
    });

    const edit = async (file: string, from: string, to: string) => {
      const was = await readFile(join(dir, file), 'utf8');
      assert.ok(was.includes(from), from);
      await writeFile(join(dir, file), was.replace(from, to));
    };

    async function uploaded(token = service.token): Promise<Slot> {
      const body = { filename: 'a.txt', contentType: 'text/plain', size: BODY.length };
      const headers = { authorization: `Bearer ${token}` };
      const slot = (await service.call('POST', '/v1/uploads', { body, headers })).body;
      assert.equal((await sendByFetch({ ...slot.request, body: BODY })).status, 200);
      const done = await service.call('POST', `/v1/uploads/${slot.id}/complete`, { headers });
      assert.equal(done.status, 200, JSON.stringify(done.body));
      const base64 = slot.request.headers['x-amz-server-side-encryption-customer-key'];
      const { id, bucket, objectKey } = slot;
      return { id, bucket, objectKey, key: CustomerKey.fromBytes(Buffer.from(base64, 'base64')) };
    }

    async function audit(
      ...args: string[]
    ): Promise<{ exitCode: number; found: [string, string][]; all: Report }> {
      const { exitCode, stdout, stderr } = await sealslotIn(dir, 'audit', '--json', ...args);
      assert.equal(stderr, '');
      const all = JSON.parse(stdout) as Report;
      assert.equal(all.exitCode, exitCode);
      const found = all.findings.flatMap(({ code, examples }) =>
        examples.map(({ slot, objectKey }): [string, string] => [code, slot ?? objectKey ?? '']),
      );
      return { exitCode, found: found.sort(), all };
    }

    const changeKeys = (act: (db: DatabaseSync) => void) => {
      const db = new DatabaseSync(storePath(dir), { timeout: 5_000 });
      try {
        act(db);
      } finally {
        db.close();
      }
    };

    it('finds nothing where all is right, beside the service', async () => {
      await uploaded();
      await uploaded(globex);
      const removed = await uploaded();
      await service.call('DELETE', `/v1/uploads/${removed.id}`);
      const { exitCode, found, all } = await audit();
      assert.deepEqual([exitCode, found], [0, []]);
      assert.equal(all.checked.slots.looked, 3);
      assert.ok((all.checked.versions.total ?? 0) >= 2);
    });

    it('finds each thing once, by its code', async () => {
      const [absent, flipped, swapped, source] = [
        await uploaded(),
        await uploaded(),
        await uploaded(),
        await uploaded(),
      ];
      const [untagged, mistagged] = [await uploaded(), await uploaded()];
      const [plain, other] = [await uploaded(globex), await uploaded(globex)];

      await direct.buckets.putSmall('uploads', 'foreign.txt', BODY, 'text/plain');
      const remains = await direct.objects.remains(absent.bucket, absent.objectKey);
      await direct.objects.remove(absent.bucket, absent.objectKey, remains);
      changeKeys((db) => {
        const read = db.prepare(`SELECT bytes FROM wrapped_keys WHERE id = (${OF_SLOT})`);
        const write = db.prepare(`UPDATE wrapped_keys SET bytes = ? WHERE id = (${OF_SLOT})`);
        const bytes = Uint8Array.from(read.get(flipped.id)?.['bytes'] as Uint8Array);
        bytes[20]! ^= 1;
        write.run(bytes, flipped.id);
        write.run(read.get(source.id)?.['bytes'] as Uint8Array, swapped.id);
      });
      const at = ({ bucket, objectKey }: Slot) => ({ bucket, objectKey, versionId: null });
      assert.ok(await direct.tags.put(at(untagged), { mine: 'yes' }));
      const tags = (await direct.tags.get(at(mistagged))) ?? {};
      assert.ok(await direct.tags.put(at(mistagged), { ...tags, 'sealslot-kek': 'other/kek' }));
      await direct.buckets.putSmall(plain.bucket, plain.objectKey, BODY, 'text/plain');
      const { etag } = await head(other);
      await direct.content.stream(
        { ...at(other), size: BODY.length, etag },
        { from: other.key, to: CustomerKey.generate() },
        { contentType: 'text/plain', metadata: {}, tags: (await direct.tags.get(at(other))) ?? {} },
        AbortSignal.timeout(20_000),
      );

      const { exitCode, found } = await audit();
      assert.equal(exitCode, 1);
      const expected: [string, string][] = [
        ['not_encrypted', plain.id],
        ['key_refused', flipped.id],
        ['key_refused', swapped.id],
        ['object_absent', absent.id],
        ['object_under_another_key', other.id],
        ['object_without_key', 'foreign.txt'],
        ['copy_missing', untagged.id],
        ['copy_unreadable', mistagged.id],
      ];
      assert.deepEqual(found, expected.sort());
    });

    async function head({ bucket, objectKey, key }: Slot) {
      const answer = await direct.objects.head(bucket, objectKey, key);
      assert.ok(answer.kind === 'found');
      return answer.object;
    }

    it('tells persons in a table, and looks at a sample or one tenant when asked to', async () => {
      const { exitCode, stdout } = await sealslotIn(dir, 'audit', '--tenant', 'globex', '--parallel', '1');
      assert.equal(exitCode, 1);
      assert.match(stdout, /^not_encrypted +1$/m);
      assert.doesNotMatch(stdout, /foreign\.txt|key_refused/);
      const { all } = await audit('--sample', '2');
      assert.deepEqual([all.checked.slots.looked, all.checked.versions.looked], [2, 2]);
    });

    it('names a KEK that is gone, of each key', async () => {
      await rename(kekPath(dir), join(dir, 'right.json'));
      await createKekFile(kekPath(dir));
      const { all } = await audit();
      await rename(join(dir, 'right.json'), kekPath(dir));
      const gone = all.findings.find(({ code }) => code === 'key_not_mine');
      // All but the one that is being deleted.
      assert.equal(gone?.count, (all.checked.slots.total ?? 0) - 1);
      assert.match(gone.examples[0]?.detail ?? '', /^wrapper "local", KEK "/);
    });

    it('says what it does not know when S3 is dead', async () => {
      await edit('sealslot.yaml', backend.get().endpoint, 'https://127.0.0.1:1');
      const { exitCode, found } = await audit('--tenant', 'globex');
      await edit('sealslot.yaml', 'https://127.0.0.1:1', backend.get().endpoint);
      assert.equal(exitCode, 75);
      // Its three slots and its bucket.
      assert.deepEqual(
        found.map(([code]) => code),
        Array.from({ length: 4 }, () => 'unknown'),
      );
    });

    it('ends in order when interrupted, while it waits for S3', async () => {
      const silent = createServer();
      silent.listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const endpoint = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      await edit('sealslot.yaml', backend.get().endpoint, endpoint);
      const child = spawn(
        process.execPath,
        [MAIN, 'audit', '--tenant', 'globex', '--json', '--parallel', '1'],
        {
          cwd: dir,
          env: environment(dir),
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      const stdout = text(child.stdout);
      const [socket] = (await once(silent, 'connection')) as [Socket];
      child.kill('SIGINT');
      silent.on('connection', (later: Socket) => later.destroy());
      socket.destroy();
      await once(child, 'close');
      silent.close();
      await edit('sealslot.yaml', endpoint, backend.get().endpoint);
      assert.equal(child.exitCode, 130);
      const { exitCode, checked } = JSON.parse(await stdout);
      assert.equal(exitCode, 130);
      assert.deepEqual(checked.slots, { looked: 0, total: null, wrongBelow: null });
    });

    it('wrong use is 64, a wrong configuration 78', async () => {
      for (const args of [
        ['--tenant', 'nobody'],
        ['--sample', '0'],
        ['--parallel', 'x'],
      ]) {
        assert.equal((await sealslotIn(dir, 'audit', ...args)).exitCode, 64, args.join(' '));
      }
      await edit('sealslot.yaml', 'kind: sqlite', 'kind: sqlight');
      assert.equal((await sealslotIn(dir, 'audit')).exitCode, 78);
      await edit('sealslot.yaml', 'kind: sqlight', 'kind: sqlite');
    });
  });
}

/** S3 past the service, as its owner. */
function directTo(s3: S3Server): S3Target {
  return createTarget(targetConfigOf(s3));
}
