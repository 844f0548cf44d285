import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMinio } from '../test/support/minio.ts';
import type { S3Server } from '../test/support/s3-server.ts';
import { Checks } from './checks.ts';
import { beginning, prepare, type Objects } from './restore-drill/beginning.ts';
import { DISASTERS, proveAllThere } from './restore-drill/disasters.ts';
import { makeBin, openRunbook } from './restore-drill/runbook.ts';

// Loses what can be lost and brings it back, by the commands that docs/custody.md has for it, against a real MinIO. Prints each command.
const CUSTODIES = [
  { name: 'each key under the KEK', hierarchy: '' },
  { name: 'with intermediate keys', hierarchy: 'hierarchy: {}' },
];

async function drill(checks: Checks, stop: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const s3 = stack.use(await startMinio({ log: (line) => console.log(`    ${line}`) }));
  const root = await mkdtemp(join(tmpdir(), 'sealslot-drill-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const bin = await makeBin(root);
  for (const [index, custody] of CUSTODIES.entries()) {
    if (stop.aborted) return;
    console.log(`\n== ${custody.name}`);
    const folder = join(root, String(index));
    await mkdir(folder);
    await drillOne(checks, s3, { ...custody, folder, bin, stop });
  }
}

interface Custody {
  readonly name: string;
  readonly hierarchy: string;
  readonly folder: string;
  readonly bin: string;
  readonly stop: AbortSignal;
}

async function drillOne(
  checks: Checks,
  s3: S3Server,
  { name, hierarchy, folder, bin, stop }: Custody,
): Promise<void> {
  const start = join(folder, 'beginning');
  const runbookIn = (dir: string) => openRunbook({ dir, bin, caFile: s3.caFile, stop });
  let objects: Objects | undefined;
  await checks.check(`${name}: uploads, rotation, rewrap, re-key, backups`, async () => {
    const recipient = await prepare(start, join(folder, 'safe'), s3, hierarchy);
    objects = await beginning(runbookIn(start), recipient);
    return `${objects.size} objects`;
  });
  for (const { name: disaster, folder: where, lose, restore } of DISASTERS) {
    if (stop.aborted) return;
    console.log(`\n-- ${name}: ${disaster}`);
    await checks.check(`${name}: ${disaster}`, async () => {
      assert.ok(objects, 'the beginning failed');
      const dir = join(folder, where);
      await cp(start, dir, { recursive: true, filter: (path) => !path.endsWith('compile-cache') });
      const book = runbookIn(dir);
      await lose(book);
      await restore(book);
      return proveAllThere(book, objects);
    });
  }
}

const interrupted = new AbortController();
// `on`, not `once`: while a listener is there, nothing else ends this process before it has cleaned up.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort());
const checks = new Checks();
await drill(checks, interrupted.signal);
checks.sumUp();
process.exit(interrupted.signal.aborted ? 130 : process.exitCode);
