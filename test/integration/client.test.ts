import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  createClient,
  ServiceProblem,
  type Client,
  type UploadProgress,
} from '../../src/client/node/index.ts';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { startService, type Service } from '../support/service.ts';
import { blocksOf } from '../unit/docs/pages.ts';
import { start } from './support-partner.ts';

const INDEX = new URL('../../src/client/node/index.ts', import.meta.url).href;
const PART = 5 * 1024 ** 2;

const minio = await available(() => startMinio());
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');

describe('sealslot/node on MinIO', { skip: minio.skip }, () => {
  let service: Service;
  let client: Client;
  let dir: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealslot-client-'));
    await minio.get().createBucket('uploads');
    service = await startService({ s3: minio.get() });
    client = createClient({ endpoint: service.url, token: () => service.token, ca: minio.get().caPem });
  });
  after(async () => {
    client.close();
    await service[Symbol.asyncDispose]();
    await minio.stop();
    await rm(dir, { recursive: true });
  });
  const downloaded = async (id: string): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    await client.download(id, { to: (chunk) => void chunks.push(Buffer.from(chunk)) });
    return Buffer.concat(chunks);
  };

  it('the guide’s programs run, and print what they should', async () => {
    await writeFile(join(dir, 'report.pdf'), 'report');
    await writeFile(join(dir, 'video.mp4'), randomBytes(6 * PART));
    const programs = (await blocksOf('docs/node-client.md')).filter(({ info }) => info === 'js run');
    await mkdir(join(dir, 'codes'));
    for (let n = 0; n < 20; n++) await writeFile(join(dir, 'codes', `${n}.codes`), `${n}`);
    const printed = [
      /^[0-9a-f-]{36} uploaded [A-Za-z0-9+/]{43}= true\n$/,
      /^20\n$/,
      /^AbortError\nuploaded\n$/,
      /^5 sha256 hello.txt\nupload_deleted\n$/,
    ];
    assert.equal(programs.length, printed.length);
    for (const [index, { at, text }] of programs.entries()) {
      await writeFile(join(dir, 'program.mjs'), text.replace("'sealslot/node'", `'${INDEX}'`));
      const env = {
        SEALSLOT_ENDPOINT: service.url,
        SEALSLOT_API_KEY: service.token,
        NODE_EXTRA_CA_CERTS: minio.get().caFile,
      };
      const ended = await start(process.execPath, ['program.mjs'], { cwd: dir, env }).ended;
      assert.match(ended.stdout, printed[index] ?? /^$/, `${at}: ${ended.stderr}`);
    }
    assert.equal(await readFile(join(dir, 'copy.txt'), 'utf8'), 'hello');
  });

  it('parts of a Blob, a path or bytes; what the policy does not check is said, not claimed', async () => {
    const body = randomBytes(2 * PART + 7);
    const path = join(dir, 'a.bin');
    await writeFile(path, body);
    for (const source of [path, await openAsBlob(path), new Blob([body]), new Uint8Array(body)]) {
      const done = await client.upload(source, { method: 'multipart', partSize: PART });
      assert.deepEqual([done.outcome, done.verified, done.sha256], ['uploaded', false, hashOf(body)]);
      assert.ok((await downloaded(done.slot.id)).equals(body));
    }
    const again = await client.upload(path, { method: 'multipart', partSize: PART });
    assert.equal(again.outcome, 'already');
  });

  it('goes on with bytes that have a key of their own, and sends only what S3 does not have', async () => {
    const body = randomBytes(4 * PART);
    const options = {
      method: 'multipart',
      partSize: PART,
      parallelParts: 1,
      idempotencyKey: 'mine',
    } as const;
    const stopping = new AbortController();
    const first = client.upload(body, {
      ...options,
      signal: stopping.signal,
      onProgress: ({ bytes }) => {
        if (bytes > 2.5 * PART) stopping.abort();
      },
    });
    await assert.rejects(first, { name: 'AbortError' });
    const progress: UploadProgress[] = [];
    const { slot } = await client.upload(body, { ...options, onProgress: (each) => progress.push(each) });
    assert.deepEqual(progress[0], { bytes: 2 * PART, size: 4 * PART, resumed: 2 * PART });
    assert.ok((await downloaded(slot.id)).equals(body));
    const [one, two] = [await client.upload(body, options), await client.upload(body)];
    assert.deepEqual([one.slot.id, one.outcome], [slot.id, 'already']);
    assert.notEqual(two.slot.id, slot.id);
    assert.ok(two.verified);
  });

  it('a refusal of the policy is told, with what is wrong', async () => {
    await assert.rejects(
      client.upload(randomBytes(10), { method: 'multipart', partSize: 1 }),
      (error) => error instanceof ServiceProblem && error.errors[0]?.path === '/partSize',
    );
  });
});
