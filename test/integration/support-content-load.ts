import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Server } from '../support/s3-server.ts';
import { startService, type Service } from '../support/service.ts';
import { sendByFetch } from './support-clients.ts';

/** Leaves its own id behind, and becomes the service. */
const TELLS_PID = ['sh', '-c', 'echo $$ > pid; exec "$@"', 'sh'];

/** What is read at the same time. */
export interface Load {
  readonly streams: number;
  /** Of each object, in bytes. */
  readonly size: number;
  /** How many different ones there are. */
  readonly objects: number;
}

export interface Loaded {
  /** How many streams had not ended when the last one began. */
  readonly atOnce: number;
  /** How many brought all bytes, and the right ones. */
  readonly right: number;
  /** The most memory that the service has ever had, in KiB. */
  readonly peakKib: number;
  readonly seconds: number;
}

interface Readable {
  readonly path: string;
  readonly token?: string;
  readonly sha256: string;
}

/** Reads objects through `sealslot serve`, a process of its own: half by the API key, half by links. */
export async function readAtOnce(s3: S3Server, { streams, size, objects }: Load): Promise<Loaded> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-load-'));
  try {
    await writeFile(join(dir, 'link-secret'), randomBytes(32).toString('hex'), { mode: 0o600 });
    const yaml = 'content: { linkSecretFiles: [link-secret] }';
    // What Node compiles of the sources is in memory as well; the second start finds it done, as in an installed service.
    await (await startService({ dir, s3, yaml })).stop();
    await using service = await startService({ dir, s3, yaml, wrapper: TELLS_PID });
    const readable: Readable[] = [];
    for (let i = 0; i < objects; i += 1) readable.push(...(await upload(service, randomBytes(size))));
    const begun = Date.now();
    const all = Array.from({ length: streams }, (_, i) => readable[i % readable.length]);
    const { atOnce, right } = await readAll(
      service.url,
      all.filter((one) => one !== undefined),
    ).catch((error: unknown) => {
      const errors = service
        .stdout()
        .split('\n')
        .filter((line) => line.includes('"level":50'));
      throw new Error(`the service says: ${errors.slice(0, 5).join('\n')}`, { cause: error });
    });
    const seconds = (Date.now() - begun) / 1000;
    return { atOnce, right, seconds, peakKib: await peakKib(dir) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** @returns the two ways to the object. */
async function upload(service: Service, bytes: Buffer): Promise<Readable[]> {
  const post = async (path: string, body?: unknown) => {
    const answer = await service.call('POST', `/v1/uploads${path}`, { body });
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
    return answer.body;
  };
  const { id, request: how } = await post('', {
    contentType: 'application/octet-stream',
    size: bytes.length,
  });
  const { status } = await sendByFetch({ ...how, body: bytes });
  assert.equal(status, 200);
  await post(`/${id}/complete`);
  const link = await post(`/${id}/links`, { expiresInSeconds: 3600 });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return [
    { path: `/v1/uploads/${id}/content`, token: service.token, sha256 },
    { path: link.url, sha256 },
  ];
}

/** No stream is read before all of them are open. */
async function readAll(url: string, all: readonly Readable[]): Promise<{ atOnce: number; right: number }> {
  const agent = new Agent({ keepAlive: false, maxSockets: Infinity });
  const answers = await Promise.all(all.map(({ path, token }) => head(url + path, agent, token)));
  const atOnce = answers.filter(({ complete }) => !complete).length;
  const sums = await Promise.all(answers.map(sha256Of));
  agent.destroy();
  return { atOnce, right: sums.filter((sum, i) => sum === all[i]?.sha256).length };
}

async function head(url: string, agent: Agent, token?: string): Promise<IncomingMessage> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const call = request(url, { agent, headers });
  call.end();
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  assert.equal(answer.statusCode, 200);
  return answer;
}

async function sha256Of(answer: IncomingMessage): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of answer) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function peakKib(dir: string): Promise<number> {
  const pid = (await readFile(join(dir, 'pid'), 'utf8')).trim();
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
}
