import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MissingBackend } from './available.ts';

const INSIDE = 'SEALSLOT_TEST_MOUNTS';
const PAGE = Buffer.alloc(4096, 1);

export interface SmallDisk {
  readonly folder: string;
  /** Fills it to its last page with one file. */
  readonly fill: () => Promise<void>;
  /** Removes that file. */
  readonly free: () => Promise<void>;
  stop(): Promise<void>;
}

/**
 * A file system of `bytes` bytes that only this process and its children see, and that goes with them. To mount it, this process starts
 * again in a mount namespace of its own: call it first of all in a test file.
 * @throws MissingBackend where neither root nor a user may have such a namespace.
 */
export async function smallDisk(bytes: number): Promise<SmallDisk> {
  if (process.env[INSIDE] === undefined) startAgainWithMounts();
  const folder = await mkdtemp(join(tmpdir(), 'sealslot-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `mode=700,size=${bytes}`, 'tmpfs', folder]);
  const ballast = join(folder, 'ballast');
  return {
    folder,
    async fill() {
      const file = await open(ballast, 'a');
      try {
        for (;;) await file.write(PAGE);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast),
    async stop() {
      await run('umount', [folder]);
      await rmdir(folder);
    },
  };
}

const run = promisify(execFile);

/** As root without a user namespace, else as root of one. */
const NAMESPACES = [['--mount'], ['--mount', '--user', '--map-root-user']];

function startAgainWithMounts(): never {
  const mounts = ['--', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()];
  const flags = NAMESPACES.find((each) => spawnSync('unshare', [...each, ...mounts]).status === 0);
  if (flags === undefined || process.execve === undefined) {
    throw new MissingBackend(
      'a small disk',
      'install util-linux, and run as root with the right to mount, or allow unprivileged user namespaces',
    );
  }
  const node = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  return process.execve('/usr/bin/env', ['env', 'unshare', ...flags, '--', ...node], {
    ...process.env,
    [INSIDE]: 'own',
  });
}
