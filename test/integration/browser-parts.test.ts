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

/** Drives the guide's functions: the third PUT to S3 is refused once, the fifth ends the page; then another page goes on. */
const PAGE = (size: number): string => `
const { fetch: real } = globalThis;
const puts = [];
let ending = true;
globalThis.fetch = async (url, options) => {
  if (options.method !== 'PUT') return real(url, options);
  puts.push(Number(new URL(url).searchParams.get('partNumber')));
  if (ending && puts.length === 3) return new Response('', { status: 403 });
  if (ending && puts.length > 5) throw new TypeError('the page is closed');
  return real(url, options);
};
const token = async () => process.env.SEALSLOT_API_KEY;
const file = new File([crypto.getRandomValues(new Uint8Array(1024)), new Uint8Array(${size} - 1024)], 'film.mp4', { type: 'video/mp4' });
const kept = JSON.parse(JSON.stringify(await createParts(token, file)));
const first = await sendParts(token, file, kept).catch(({ message }) => message);
ending = false;
const there = (await call(token, 'GET', \`/\${kept.id}/parts\`)).parts.map(({ partNumber }) => partNumber);
puts.length = 0;
const slot = await sendParts(token, file, kept);
const again = puts.slice().sort((a, b) => a - b);
console.log(JSON.stringify({ first, partCount: kept.partCount, there, again, state: slot.state, size: slot.size, hasKey: 'headers' in kept }));
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
    const program = text.replace(SERVICE, `${service.url}/v1/uploads`).replace(PAUSE, '1') + PAGE(size);
    await writeFile(join(dir, 'page.mjs'), program);
    const env = { SEALSLOT_API_KEY: service.token, NODE_EXTRA_CA_CERTS: minio.get().caFile };
    const ended = await start(process.execPath, ['page.mjs'], { cwd: dir, env }).ended;
    assert.notEqual(ended.stdout, '', ended.stderr);
    const told = JSON.parse(ended.stdout) as Record<string, unknown> & { there: number[] };
    assert.match(String(told['first']), /^part \d: no answer$/);
    assert.equal(told['partCount'], 8);
    assert.ok(told.there.length > 0 && told.there.length < 8, String(told.there));
    // One that was under way when the page was closed may have landed since.
    const again = told['again'] as number[];
    assert.ok(again.length > 0 && again.every((n) => !told.there.includes(n)), 'only what S3 does not have');
    assert.deepEqual([told['state'], told['size'], told['hasKey']], ['uploaded', size, false]);
  });
});
