import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cachePath, isExecutable } from '../../test/support/cache.ts';

/** A Node that is too old for sealslot: one of the PATH, else one fetched into the cache. @returns its path. */
export async function findOldNode(): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'node');
    if (folder !== '' && (await isExecutable(path)) && majorOf(path) < 24) return path;
  }
  const dir = cachePath('node-20');
  const path = join(dir, 'node_modules/.bin/node');
  if (await isExecutable(path)) return path;
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'package.json'), '{"private": true, "allowScripts": {"node": true}}\n');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', 'node@20'], { cwd: dir, stdio: 'inherit' });
  return path;
}

function majorOf(node: string): number {
  return Number(execFileSync(node, ['--version'], { encoding: 'utf8' }).slice(1).split('.')[0]);
}
