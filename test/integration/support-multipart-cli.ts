import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '../../src/client/node/index.ts';
import type { S3Server } from '../support/s3-server.ts';
import { startService } from '../support/service.ts';
import { lossyRelay, MAIN, start, type Command } from './support-partner.ts';

const LOOK_EVERY_MS = 100;
const MARKS_EVERY_BYTES = 1024 ** 2;
const MARK_BYTES = 64;
/** TLS, headers, and the service's own calls, which go over the same relay. */
const OVERHEAD = 1.02;
const CALLS_BYTES = 2_000_000;

export interface ResumedOptions {
  /** Bytes. */
  readonly size: number;
  readonly partMib: number;
  /** Shares of the file that S3 has when the command is killed, one for each kill. */
  readonly kills: readonly number[];
  readonly dir: string;
  readonly stop: AbortSignal;
  readonly say: (line: string) => void;
  /** Further arguments of `upload`. */
  readonly more?: readonly string[];
}

export interface Resumed {
  /** Bytes: the most that any run of the command had in memory. */
  readonly peakMemory: number;
  /** Bytes that all runs sent together. */
  readonly sent: number;
}

/** Uploads a file by the command, killed by SIGKILL again and again; what S3 has of it goes over the line once. */
export async function uploadKilled(minio: S3Server, options: ResumedOptions): Promise<Resumed> {
  const { size, partMib, kills, dir, stop, say, more = [] } = options;
  await using relay = await lossyRelay(minio.endpoint);
  const tenant = `maxSizeBytes: ${size}, verify: stream`;
  await using service = await startService({ s3: { ...minio, endpoint: relay.endpoint }, tenant });
  const path = join(dir, 'large.bin');
  await makeSparse(path, size);
  const sha256 = await hashOf(path);
  const args = ['upload', path, '--json', '--method', 'multipart', '--part-size', String(partMib), ...more];
  const env = {
    SEALSLOT_ENDPOINT: service.url,
    SEALSLOT_API_KEY: service.token,
    SEALSLOT_CA_FILE: minio.caFile,
  };

  /** The only slot there is, and the bytes that S3 has of its parts. */
  const listed = async (): Promise<{ id: string | undefined; bytes: number }> => {
    const page = await service.call('GET', '/v1/uploads');
    assert.ok(page.body.uploads.length <= 1, 'every run finds the slot of the first');
    const [slot] = page.body.uploads;
    if (slot === undefined) return { id: undefined, bytes: 0 };
    const { status, body } = await service.call('GET', `/v1/uploads/${slot.id}/parts`);
    // 409: it is whole by now.
    if (status !== 200) return { id: slot.id, bytes: slot.state === 'uploaded' ? size : 0 };
    const parts = body.parts as readonly { size: number }[];
    return { id: slot.id, bytes: parts.reduce((sum, { size }) => sum + size, 0) };
  };

  let peakMemory = 0;
  for (const kill of [...kills, undefined]) {
    const [from, before] = [performance.now(), relay.sent()];
    const there = await listed();
    const command = start(process.execPath, [MAIN, ...args], { cwd: dir, env });
    const used = await watch(command, stop, async () => {
      return kill !== undefined && (await listed()).bytes >= kill * size;
    });
    peakMemory = Math.max(peakMemory, used);
    const { status, signal, stdout, stderr } = await command.ended;
    const sent = relay.sent() - before;
    const seconds = ((performance.now() - from) / 1000).toFixed(0);
    say(
      `${kill === undefined ? 'to its end' : 'killed'} after ${seconds} s: ${mb(there.bytes)} were there, ${mb(sent)} sent, VmHWM ${mb(used)}`,
    );
    assert.ok(sent <= (size - there.bytes) * OVERHEAD + CALLS_BYTES, `${mb(sent)} were sent`);
    if (kill !== undefined) {
      assert.equal(signal, 'SIGKILL', `it ended before it was killed: ${stdout}${stderr}`);
      continue;
    }
    assert.equal(status, 0, stdout + stderr);
    const { file: _file, objectKey: _key, ...done } = JSON.parse(stdout);
    assert.deepEqual(done, { outcome: 'uploaded', id: there.id, size, sha256, verified: true });
    using client = createClient({ endpoint: service.url, token: service.token, ca: minio.caPem });
    const got = await client.download(there.id ?? '', { to: () => undefined, signal: stop });
    assert.deepEqual([got.size, got.sha256, got.checked], [size, sha256, 'sha256']);
    say('downloaded: the content is equal');
  }
  return { peakMemory, sent: relay.sent() };
}

/** Until it ends, or is killed at that moment. @returns its peak memory in bytes. */
async function watch(
  command: Command,
  stop: AbortSignal,
  isTheMoment: () => Promise<boolean>,
): Promise<number> {
  const { child } = command;
  let peak = 0;
  try {
    while (child.exitCode === null && child.signalCode === null) {
      stop.throwIfAborted();
      const status = await readFile(`/proc/${child.pid ?? 0}/status`, 'utf8').catch(() => '');
      peak = Math.max(peak, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024);
      if (await isTheMoment()) break;
      await delay(LOOK_EVERY_MS);
    }
  } finally {
    child.kill('SIGKILL');
  }
  return peak;
}

/** Holes, but for a few random bytes in each MiB: made at once, and no part is as another. */
async function makeSparse(path: string, size: number): Promise<void> {
  await using file = await open(path, 'w');
  await file.truncate(size);
  for (let at = 0; at + MARK_BYTES <= size; at += MARKS_EVERY_BYTES) {
    await file.write(randomBytes(MARK_BYTES), 0, MARK_BYTES, at);
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 ** 2 }), hash);
  return hash.digest('base64');
}

export const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
