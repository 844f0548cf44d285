import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import type { Machine } from './results.ts';

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.version,
    fileSystem: fileSystemOf(tmpdir()),
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** Of the longest mount point above the folder: what a commit waits for depends on it. */
function fileSystemOf(folder: string): string {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point = '-']) => folder === point || folder.startsWith(point.replace(/\/?$/, '/')))
    .sort(([, a = ''], [, b = '']) => b.length - a.length);
  return mounts[0]?.[2] ?? 'unknown';
}

/** `+` when there are changes that are not committed. */
export function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}
