import assert from 'node:assert/strict';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mb, uploadKilled } from '../test/integration/support-multipart-cli.ts';
import { startMinio } from '../test/support/minio.ts';
import { Checks } from './checks.ts';

// Uploads a file that is larger than S3 takes in one piece by the command, killed twice on the way, to a real MinIO. Takes minutes and
// twice the file's size on the disk of the temporary folder. Linux only.
const SIZE = 5_500_000_001;
const PART_MIB = 16;
const KILLS = [0.3, 0.6];
const MOST_MEMORY = 150_000_000;

const { values } = parseArgs({ options: { bytes: { type: 'string', default: String(SIZE) } } });
const size = Number(values.bytes);
const interrupted = new AbortController();
// `on`, not `once`: while a listener is there, nothing else ends this process before it has cleaned up.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort());
const checks = new Checks();
await checks.check(`${(size / 1e9).toFixed(1)} GB in parts, killed twice, resumed`, async () => {
  const { bsize, bavail } = await statfs(tmpdir());
  assert.ok(bsize * bavail > 2 * size, `${tmpdir()} needs ${mb(2 * size)}`);
  const print = (line: string): void => void process.stdout.write(`   ${line}\n`);
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-upload-large-'));
  stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const minio = stack.use(await startMinio({ log: print }));
  await minio.createBucket('uploads');
  const { peakMemory, sent } = await uploadKilled(minio, {
    ...{ size, partMib: PART_MIB, kills: KILLS, dir },
    stop: interrupted.signal,
    say: print,
  });
  const summary = `${mb(sent)} sent in all, peak memory of the command ${mb(peakMemory)}`;
  assert.ok(peakMemory <= MOST_MEMORY, summary);
  return summary;
});
checks.sumUp();
process.exit(interrupted.signal.aborted ? 130 : process.exitCode);
