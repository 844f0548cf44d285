import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startMinio } from '../support/minio.ts';
import { startService, type Service } from '../support/service.ts';
import { blocksOf } from '../unit/docs/pages.ts';
import { start } from './support-partner.ts';

const minio = await available(() => startMinio());
/** Milliseconds between tries. */
const PAUSE = '500 * 2 ** tries';
const SERVICE = 'https://uploads.example.com/v1/uploads';

const page = (size: number): string => `
const { fetch: real } = globalThis;
const token = async () => process.env.SEALSLOT_API_KEY;
const file = new File([new Uint8Array(1024).fill(7), new Uint8Array(${size} - 1024)], 'film.mp4', { type: 'video/mp4' });
`;

/** Drives the guide's functions: the third PUT to S3 is refused once, and after the fifth the page is closed. */
const CLOSED = (size: number): string => `${page(size)}
let puts = 0;
globalThis.fetch = async (url, options) => {
  if (options.method !== 'PUT') return real(url, options);
  puts += 1;
  if (puts === 3) return new Response('', { status: 403 });
  if (puts > 5) throw new TypeError('the page is closed');
  return real(url, options);
};
const kept = await createParts(token, file);
const first = await sendParts(token, file, kept).catch(({ message }) => message);
console.log(JSON.stringify({ first, kept, hasKey: 'headers' in kept }));
// Else what is under way would be sent beside the next page.
process.exit();
`;

/** Goes on with what the page before it has kept. */
const NEXT = (size: number, kept: object): string => `${page(size)}
const kept = ${JSON.stringify(kept)};
const puts = [];
globalThis.fetch = async (url, options) => {
  if (options.method === 'PUT') puts.push(Number(new URL(url).searchParams.get('partNumber')));
  return real(url, options);
};
const there = (await call(token, 'GET', \`/\${kept.id}/parts\`)).parts.map(({ partNumber }) => partNumber);
const slot = await sendParts(token, file, kept);
console.log(JSON.stringify({ there, again: puts, state: slot.state, size: slot.size }));
`;

describe('docs/uploads.md: multipart from a browser', { skip: minio.skip }, () => {
  let service: Service;
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealslot-browser-parts-'));
    await minio.get().createBucket('uploads');
    service = await startService({ s3: minio.get() });
  });
  after(async () => {
    await service[Symbol.asyncDispose]();
    await minio.stop();
    await rm(dir, { recursive: true });
  });

  it('sends parts, meets a 403 with a fresh URL, and goes on after the page was closed', async () => {
    const blocks = (await blocksOf('docs/uploads.md')).filter(({ info }) => info.startsWith('js'));
    assert.equal(blocks.length, 1);
    const text = blocks[0]?.text ?? '';
    for (const part of [SERVICE, PAUSE]) assert.ok(text.includes(part), part);
    const size = 8 * 16 * 1024 ** 2 - randomBytes(1).readUInt8();
    const guide = text.replace(SERVICE, `${service.url}/v1/uploads`).replace(PAUSE, '1');
    const env = { SEALSLOT_API_KEY: service.token, NODE_EXTRA_CA_CERTS: minio.get().caFile };
    const run = async <T>(program: string): Promise<T> => {
      await writeFile(join(dir, 'page.mjs'), guide + program);
      const ended = await start(process.execPath, ['page.mjs'], { cwd: dir, env }).ended;
      assert.notEqual(ended.stdout, '', ended.stderr);
      return JSON.parse(ended.stdout) as T;
    };
    const closed = await run<{ first: string; kept: { partCount: number }; hasKey: boolean }>(CLOSED(size));
    assert.match(closed.first, /^part \d: no answer$/);
    assert.deepEqual([closed.kept.partCount, closed.hasKey], [8, false]);
    const next = await run<{ there: number[]; again: number[]; state: string; size: number }>(
      NEXT(size, closed.kept),
    );
    assert.ok(next.there.length > 0 && next.there.length < 8, String(next.there));
    // One that was under way when the page was closed may have landed since.
    assert.ok(
      next.again.length > 0 && next.again.every((n) => !next.there.includes(n)),
      'only what S3 does not have',
    );
    assert.deepEqual([next.state, next.size], ['uploaded', size]);
  });
});
