import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
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
