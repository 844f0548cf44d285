import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Available } from '../support/available.ts';
import { addFiles, findCanaries } from '../support/canary/search.ts';
import type { S3Server } from '../support/s3-server.ts';
import { environment, setUp, startService, type Service } from '../support/service.ts';
import { sendByFetch, trust } from './support-clients.ts';
import { randomBody } from './support-service.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const KEY = 'x-amz-server-side-encryption-customer-key';
const COUNT = 12;

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `sealslot recover` must do on a real S3 when the store is lost. */
export function recoverSuite(name: string, backend: Available<S3Server>): void {
  after(() => backend.stop());

  for (const [versioning, hierarchy] of [
    [false, true],
    [true, false],
  ] as const) {
    const title = `recover on ${name}, ${versioning ? 'versioned' : 'without versions'}, ${hierarchy ? 'with' : 'without'} hierarchy`;
    describe(title, { skip: backend.skip }, () => {
      const bucket = `objects-${randomUUID()}`;
      const copies = `copies-${randomUUID()}`;
      const keys: { name: string; bytes: Buffer }[] = [];
      const sums = new Map<string, string>();
      const printed: Ended[] = [];
      let service: Service;
      before(async () => {
        const s3 = backend.get();
        trust(s3.caPem);
        await s3.createBucket(bucket, { versioning });
        await s3.createBucket(copies, { versioning });
        const dir = await mkdtemp(join(tmpdir(), 'sealslot-recover-'));
        await setUp(dir, { s3 });
        await configure(dir, { bucket, copies, hierarchy });
        service = await startService({ dir });
        for (let n = 0; n < COUNT; n += 1) await upload(n);
        await service.stop();
      });
      after(async () => {
        await service[Symbol.asyncDispose]();
        await rm(service.dir, { recursive: true, force: true });
      });

      async function upload(n: number): Promise<void> {
        const body = randomBody(1000 + n);
        const sha256 = createHash('sha256').update(body).digest('base64');
        const ask = { filename: `größe ${n}+.bin`, contentType: 'text/plain', size: body.length, sha256 };
        const { body: slot } = await service.call('POST', '/v1/uploads', { body: ask });
        const { status, body: said } = await sendByFetch({ ...slot.request, body });
        assert.equal(status, 200, said.toString());
        const done = await service.call('POST', `/v1/uploads/${String(slot.id)}/complete`);
        assert.equal(done.status, 200, JSON.stringify(done.body));
        sums.set(slot.id as string, sha256);
        keys.push({
          name: slot.id as string,
          bytes: Buffer.from(slot.request.headers[KEY] as string, 'base64'),
        });
      }

      const recover = async (...args: string[]): Promise<Ended> => {
        const ended = await run(service.dir, 'recover', ...args);
        printed.push(ended);
        return ended;
      };

      it('a dry run says what would come back, from a store that is lost', async () => {
        await loseStore(service.dir);
        const { status, stdout, stderr } = await recover('--dry-run', '--json');
        assert.equal(status, 0, stderr + stdout);
        const lines = stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line));
        const found = lines.filter(({ what, outcome }) => what === 'object' && outcome === 'recovered');
        assert.deepEqual(found.map(({ id }) => String(id)).toSorted(), [...sums.keys()].toSorted());
        assert.equal(lines.length - found.length, hierarchy ? 1 : 0);
      });

      it('everything comes back, once, and says what does not', async () => {
        const first = await recover();
        assert.equal(first.status, 0, first.stderr);
        assert.match(first.stdout, new RegExp(`^objects +${COUNT} +0 +0$`, 'm'));
        assert.match(first.stdout, new RegExp(`^intermediate keys +${hierarchy ? 1 : 0} +0 +0$`, 'm'));
        assert.match(first.stderr, /API keys/);
        const second = await recover('--tenant', 'acme');
        assert.equal(second.status, 0, second.stderr);
        assert.match(second.stdout, new RegExp(`^objects +0 +${COUNT} +0$`, 'm'));
      });

      it('every object downloads with its SHA-256', async () => {
        // API keys are lost with the store.
        const scopes = 'uploads:read,objects:read';
        const made = await run(
          service.dir,
          'api-key',
          'create',
          '--tenant',
          'acme',
          '--name',
          'new',
          '--scopes',
          scopes,
        );
        assert.equal(made.status, 0, made.stderr);
        await writeFile(join(service.dir, 'token'), made.stdout, { mode: 0o600 });
        service = await startService({ dir: service.dir });
        for (const [id, sha256] of sums) {
          const { body: slot } = await service.call('GET', `/v1/uploads/${id}`);
          assert.equal(slot.state, 'uploaded');
          assert.equal(slot.sha256, sha256);
          const { body: download } = await service.call('POST', `/v1/uploads/${id}/download`);
          const { status, body } = await sendByFetch(download);
          assert.equal(status, 200, body.toString());
          assert.equal(createHash('sha256').update(body).digest('base64'), sha256);
        }
        await service.stop();
      });

      it('with another KEK nothing comes back, and each object is named with the reason', async () => {
        await loseStore(service.dir);
        await rm(join(service.dir, 'kek.json'));
        assert.equal((await run(service.dir, 'init')).status, 0);
        const { status, stdout, stderr } = await recover('--json');
        assert.equal(status, 1, stderr);
        const objects = stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line));
        const codes = objects
          .filter(({ what }) => what === 'object')
          .map(({ refused }) => String(refused[0].code));
        assert.deepEqual(
          codes,
          Array.from({ length: COUNT }, () => 'kek_refused'),
        );
      });

      it('no key is written anywhere', async () => {
        const places = new Map(
          printed.map(({ stdout, stderr }, n) => [`recover ${n}`, Buffer.from(stdout + stderr)]),
        );
        places.set('serve', Buffer.from(service.stdout() + service.stderr()));
        await addFiles(places, service.dir, []);
        assert.deepEqual(findCanaries(places, keys), []);
      });
    });
  }
}

async function loseStore(dir: string): Promise<void> {
  const files = (await readdir(dir)).filter((file) => file.startsWith('sealslot.db'));
  assert.ok(files.length > 0);
  for (const file of files) await rm(join(dir, file));
}

async function configure(
  dir: string,
  { bucket, copies, hierarchy }: { bucket: string; copies: string; hierarchy: boolean },
): Promise<void> {
  const path = join(dir, 'sealslot.yaml');
  const written = await readFile(path, 'utf8');
  const settings = `recovery: { target: main, bucket: ${copies} }${hierarchy ? ', hierarchy: { maxAgeSeconds: 1 }' : ''}`;
  const changed = written
    .replace('bucket: uploads', `bucket: ${bucket}`)
    .replace('custody: { ', `custody: { ${settings}, `);
  await writeFile(path, changed, { mode: 0o600 });
}

function run(dir: string, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [MAIN, ...args],
      { cwd: dir, env: environment(dir) },
      (error, stdout, stderr) => resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}
