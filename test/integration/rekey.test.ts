import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { s3Proxy, type S3Proxy } from '../crash/s3-proxy.ts';
import { available } from '../support/available.ts';
import type { Json } from '../support/harness.ts';
import { startMinio } from '../support/minio.ts';
import { waitUntil } from '../support/processes.ts';
import { environment, runToEnd, startService, type Service } from '../support/service.ts';
import { sendByFetch, trust } from './support-clients.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const BODY = Buffer.from('the very same bytes');
const minio = await available(startMinio);
after(() => minio.stop());

for (const versioning of [true, false]) {
  const kind = versioning ? 'with versions' : 'without versions';
  describe(`re-keying on MinIO ${kind}`, { skip: minio.skip }, () => {
    const bucket = versioning ? 'versioned' : 'plain';
    let service: Service;
    let rotate: Record<string, string>;
    before(async () => {
      trust(minio.get().caPem);
      await minio.get().createBucket(bucket, { versioning });
      const s3 = minio.get();
      service = await startService({ s3, yaml: `  other: { target: main, bucket: ${bucket} }\n` });
      const scopes = 'uploads:write,objects:read,objects:delete,keys:rotate,uploads:read';
      const made = ['api-key', 'create', '--tenant', 'other', '--name', 'rotator', '--scopes', scopes];
      rotate = { authorization: `Bearer ${(await runToEnd(service.dir, {}, made)).trim()}` };
    });
    after(() => service[Symbol.asyncDispose]());

    const call = (method: string, path: string, body?: unknown) =>
      service.call(method, path, { headers: rotate, ...(body !== undefined && { body }) });

    async function upload(): Promise<Json> {
      const { body: slot } = await call('POST', '/v1/uploads', {
        contentType: 'text/plain',
        size: BODY.length,
      });
      assert.equal((await sendByFetch({ ...slot.request, body: BODY })).status, 200);
      return (await call('POST', `/v1/uploads/${String(slot.id)}/complete`)).body;
    }

    const download = async (slot: Json): Promise<Json> =>
      (await call('POST', `/v1/uploads/${String(slot.id)}/download`)).body;

    it('POST …/rekey: another key opens the same bytes; an older URL only where its version stays', async () => {
      const slot = await upload();
      const old = await download(slot);
      const asked = await call('POST', `/v1/uploads/${String(slot.id)}/rekey`);
      assert.equal(asked.status, 202, JSON.stringify(asked.body));
      assert.equal(asked.body.rekeying, true);
      const now = async () => (await call('GET', `/v1/uploads/${String(slot.id)}`)).body;
      await waitUntil('the re-key', async () => (await now()).rekeying === undefined);
      assert.equal((await now()).keyGeneration, 2);

      const fresh = await download(slot);
      const header = 'x-amz-server-side-encryption-customer-key';
      assert.notEqual(fresh.headers[header], old.headers[header]);
      assert.deepEqual((await sendByFetch(fresh)).body, BODY);
      const before = await sendByFetch(old);
      assert.equal(before.status === 200 && before.body.equals(BODY), versioning);
    });

    it('sealslot rekey beside the service: all of a tenant, and each says how it ended', async () => {
      const slots = [await upload(), await upload()];
      const ids = slots.map((slot) => String(slot.id));
      const lines = await runToEnd(service.dir, {}, ['rekey', '--tenant', 'other', '--json', ...ids]);
      const told = lines
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.deepEqual(
        told,
        ids.map((id) => ({ id, outcome: 'rekeyed' })),
      );
      for (const slot of slots) assert.deepEqual((await sendByFetch(await download(slot))).body, BODY);

      const settings = { cwd: service.dir, env: environment(service.dir) };
      const none = '018f0000-0000-7000-8000-000000000000';
      const failed = await promisify(execFile)(
        process.execPath,
        [MAIN, 'rekey', '--tenant', 'other', none],
        settings,
      ).catch((error: unknown) => error as { code: number; stdout: string; stderr: string });
      assert.ok('code' in failed);
      assert.equal(failed.code, 1);
      assert.match(failed.stderr, /the tenant has no upload/);
      assert.equal(failed.stdout, '0 re-keyed, 1 not\n');
    });
  });
}

describe('sealslot rekey in the way of a signal, or of a dead S3', { skip: minio.skip }, () => {
  let proxy: S3Proxy;
  let service: Service;
  before(async () => {
    proxy = await s3Proxy(minio.get(), { refusesCopies: false });
    for (const caPem of [minio.get().caPem, proxy.server.caPem]) trust(caPem);
    await minio.get().createBucket('uploads', { versioning: true });
    // Its own job does not go on with what the command leaves.
    service = await startService({ s3: proxy.server, yaml: 'jobs: { intervalSeconds: 3600 }\n' });
  });
  after(async () => {
    await service[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });

  async function upload(): Promise<string> {
    const ask = { contentType: 'text/plain', size: BODY.length };
    const { body: slot } = await service.call('POST', '/v1/uploads', { body: ask });
    assert.equal((await sendByFetch({ ...slot.request, body: BODY })).status, 200);
    assert.equal((await service.call('POST', `/v1/uploads/${String(slot.id)}/complete`)).status, 200);
    return String(slot.id);
  }

  const generation = async (id: string): Promise<unknown> =>
    (await service.call('GET', `/v1/uploads/${id}`)).body.keyGeneration;

  function rekey(...args: readonly string[]) {
    const child = spawn(process.execPath, [MAIN, 'rekey', '--tenant', 'acme', ...args], {
      cwd: service.dir,
      env: environment(service.dir),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exit = once(child, 'exit') as Promise<[number | null]>;
    const said = Promise.all([text(child.stdout), text(child.stderr)]);
    const ended = exit.then(async ([code]) => {
      const [stdout, stderr] = await said;
      return { code, stdout, stderr };
    });
    return { child, ended };
  }

  const isCopy = ({ moment, method }: { moment: string; method: string }): boolean =>
    moment === 'sent' && method === 'PUT';

  it('Ctrl-C: 130, the object in hand is finished, and it says how to go on', async () => {
    const [older, newer] = [await upload(), await upload()];
    const { child, ended } = rekey('--all');
    proxy.watch = (passing) => {
      if (isCopy(passing)) child.kill('SIGINT');
    };
    const first = await ended;
    proxy.watch = undefined;
    assert.deepEqual([first.code, first.stdout], [130, '1 re-keyed, 0 not\n'], first.stderr);
    assert.deepEqual([await generation(newer), await generation(older)], [2, 1]);
    const [, ...onwards] = /To go on: (--all) (--before) (\S+)$/m.exec(first.stderr) ?? [];
    assert.deepEqual(onwards, ['--all', '--before', newer]);
    const second = await rekey(...onwards).ended;
    assert.deepEqual([second.code, second.stdout], [0, '1 re-keyed, 0 not\n'], second.stderr);
    assert.deepEqual([await generation(newer), await generation(older)], [2, 2]);
  });

  it('S3 goes away while it writes: 75; when it is back, the next run ends what was begun', async () => {
    const [id, next] = [await upload(), await upload()];
    let gone = false;
    proxy.watch = (passing) => {
      gone ||= isCopy(passing);
      if (gone) throw new Error('gone');
    };
    const failed = await rekey(id, next).ended;
    assert.deepEqual([failed.code, failed.stdout], [75, '0 re-keyed, 0 not\n'], failed.stderr);
    assert.match(failed.stderr, /Run it again to go on/);
    assert.equal(await generation(next), 1);
    proxy.watch = undefined;
    const again = await rekey('--json', id, next).ended;
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual([await generation(id), await generation(next)], [2, 2]);
  });
});
