import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { settingsOn } from '../support/doctor.ts';
import { startMinio } from '../support/minio.ts';
import { call, hostWith, place } from '../unit/plugin/world.ts';
import { sendByFetch, trust } from './support-clients.ts';

const minio = await available(() => startMinio());
after(() => minio.stop());

describe('sealslot in an application, with MinIO', { skip: minio.skip }, () => {
  it('takes an upload, completes it, and streams it by a link below the prefix', async () => {
    trust(minio.get().caPem);
    await using at = await place(await settingsOn(minio.get()));
    await using host = await hostWith(at, { prefix: '/files' });
    const body = Buffer.from('seen by its link');
    const ask = { contentType: 'text/plain', size: body.length };
    const made = await call(host.app, 'alice', 'POST', '/files/v1/uploads', { body: ask });
    const { url, headers } = made.body['request'] as { url: string; headers: Record<string, string> };
    assert.equal((await sendByFetch({ method: 'PUT', url, headers, body })).status, 200);
    const slot = String(made.headers.location);
    const done = await call(host.app, 'alice', 'POST', `${slot}/complete`);
    assert.deepEqual([done.status, done.body['state']], [200, 'uploaded'], done.text);

    const link = await call(host.app, 'alice', 'POST', `${slot}/links`);
    assert.match(String(link.body['url']), /^\/files\/v1\/content\//);
    const part = await host.app.inject({ url: String(link.body['url']), headers: { range: 'bytes=0-3' } });
    assert.deepEqual([part.statusCode, part.body], [206, 'seen']);
    assert.ok(!host.logged().includes(String(link.body['url'])), 'the link is logged');
  });
});
