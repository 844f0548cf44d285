import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { startService, type Answer, type Service } from '../support/service.ts';
import { blocksOf } from '../unit/docs/pages.ts';
import { start } from './support-partner.ts';

const minio = await available(() => startMinio());
const SERVICE = 'https://uploads.example.com/v1/uploads';
const SECRET = 'a secret of the tests, for grants alone';

/** What a page and its backend do with the guide's functions. */
const PAGE = `
const session = { userId: 'u-1' };
const [first, again] = [await grantFor(session), await grantFor(session)];
const slot = await send(first.token, new File([new Uint8Array(1000)], 'photo.png', { type: 'image/png' }));
const refused = await send(first.token, new File(['x'], 'page.html', { type: 'text/html' })).catch(({ message }) => message);
console.log(JSON.stringify({ same: first.token === again.token, slot, refused }));
`;

describe('grants on MinIO', { skip: minio.skip }, () => {
  let service: Service;
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealslot-grants-'));
    await minio.get().createBucket('uploads');
    await writeFile(join(dir, 'grant-secret'), SECRET, { mode: 0o600 });
    service = await startService({ dir, s3: minio.get(), yaml: 'grants: { secretFiles: [grant-secret] }\n' });
  });
  after(async () => {
    await service[Symbol.asyncDispose]();
    await minio.stop();
    await rm(dir, { recursive: true });
  });
  const env = () => ({
    SEALSLOT_ENDPOINT: service.url,
    SEALSLOT_API_KEY: service.token,
    NODE_EXTRA_CA_CERTS: minio.get().caFile,
  });
  const blocks = async (info: string) =>
    (await blocksOf('docs/grants.md'))
      .filter((block) => block.info.split(' ')[0] === info)
      .map(({ text }) => text);
  const by = (token: string, method: string, path: string, body?: unknown): Promise<Answer> =>
    service.call(method, path, { body, headers: { authorization: `Bearer ${token}` } });
  const mint = async (body: object): Promise<{ id: string; token: string }> => {
    const { status, body: grant } = await service.call('POST', '/v1/grants', { body });
    assert.equal(status, 201);
    return grant as { id: string; token: string };
  };

  it('the guide’s curl mints one', async () => {
    const [curl] = (await blocks('sh')).filter((text) => text.includes('/v1/grants'));
    const ended = await start('bash', ['-euo', 'pipefail', '-c', curl ?? ''], { cwd: dir, env: env() }).ended;
    const grant = JSON.parse(ended.stdout) as Record<string, unknown>;
    assert.deepEqual(
      [grant['count'], grant['maxSizeBytes'], grant['metadata'], typeof grant['token']],
      [3, 20_000_000, { case: '4711' }, 'string'],
      ended.stdout + ended.stderr,
    );
  });

  it('the guide’s backend and page: a grant for a session, a file to S3, a refusal by type', async () => {
    const programs = await blocks('js');
    assert.equal(programs.length, 2);
    const text = programs.join('\n');
    assert.ok(text.includes(SERVICE));
    const program = text.replace(SERVICE, `${service.url}/v1/uploads`) + PAGE;
    await writeFile(join(dir, 'page.mjs'), program);
    const ended = await start(process.execPath, ['page.mjs'], { cwd: dir, env: env() }).ended;
    assert.notEqual(ended.stdout, '', ended.stderr);
    const { same, slot, refused } = JSON.parse(ended.stdout) as {
      same: boolean;
      slot: Record<string, unknown>;
      refused: string;
    };
    assert.deepEqual([same, refused], [true, 'policy_refused']);
    assert.deepEqual([slot['state'], slot['size'], slot['metadata']], ['uploaded', 1_000, { user: 'u-1' }]);
    const downloaded = await service.call('POST', `/v1/uploads/${String(slot['id'])}/download`, { body: {} });
    assert.equal(downloaded.status, 200);
  });

  it('of 100 at once by a grant of 10, ten are made', async () => {
    const { id, token } = await mint({ count: 10 });
    const slot = { contentType: 'text/plain', size: 5 };
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => by(token, 'POST', '/v1/uploads', slot)),
    );
    assert.equal(answers.filter(({ status }) => status === 201).length, 10);
    assert.equal(answers.filter(({ body }) => body.code === 'grant_exhausted').length, 90);
    assert.equal((await service.call('GET', `/v1/grants/${id}`)).body.used, 10);
  });

  it('a prefix is where the object lies; a part is resumed, an upload cancelled, and nothing goes on once it is revoked', async () => {
    const { id, token } = await mint({ count: 3, prefix: 'cases/Größe 4711', methods: ['multipart', 'PUT'] });
    const parted = { contentType: 'video/mp4', size: 6_000_000, method: 'multipart', partSize: 5_242_880 };
    const one = (await by(token, 'POST', '/v1/uploads', parted)).body as { id: string; objectKey: string };
    assert.ok(one.objectKey.startsWith('acme/cases/Größe 4711/'), one.objectKey);
    const asked = { partNumbers: [1] };
    const given = await by(token, 'POST', `/v1/uploads/${one.id}/parts`, asked);
    const [part] = given.body.parts as [{ url: string; headers: Record<string, string>; size: number }];
    const program = `const { url, headers, size } = ${JSON.stringify(part)};
      console.log((await fetch(url, { method: 'PUT', headers, body: new Blob([new Uint8Array(size)]) })).status);`;
    await writeFile(join(dir, 'part.mjs'), program);
    const sent = await start(process.execPath, ['part.mjs'], { cwd: dir, env: env() }).ended;
    assert.equal(sent.stdout.trim(), '200', sent.stderr);
    const there = await by(token, 'GET', `/v1/uploads/${one.id}/parts`);
    assert.deepEqual(
      (there.body.parts as { partNumber: number }[]).map(({ partNumber }) => partNumber),
      [1],
    );
    assert.equal((await by(token, 'DELETE', `/v1/uploads/${one.id}`)).status, 202);
    const two = (await by(token, 'POST', '/v1/uploads', parted)).body as { id: string };
    assert.equal((await service.call('DELETE', `/v1/grants/${id}`)).status, 200);
    for (const answer of [
      await by(token, 'POST', `/v1/uploads/${two.id}/parts`, asked),
      await by(token, 'POST', '/v1/uploads', parted),
    ])
      assert.deepEqual([answer.status, answer.body.code], [401, 'unauthenticated']);
    assert.ok(!service.stdout().includes(token) && !service.stderr().includes(token));
  });
});
