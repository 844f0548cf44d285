/**
 * The package as its users get it: packs it, installs the tarball into an empty folder, runs what is installed there, and then the demo
 * with it.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { createProgram } from '../src/cli/program.ts';
import { findCommand } from '../test/support/cache.ts';
import { Checks } from './checks.ts';
import { megabytes } from './dockerfile/tree.ts';
import { PAGE, runConsumer } from './package/consumer.ts';
import { notAllowed, parsePacked } from './package/contents.ts';
import { HOST } from './package/host.ts';
import { findOldNode } from './package/old-node.ts';
import { complete, SHELLS } from './package/shells.ts';

const STARTS = 10;
const project = resolve(import.meta.dirname, '..');
const checks = new Checks();
const dir = mkdtempSync(join(tmpdir(), 'sealslot-package-'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));

const prefix = join(dir, 'prefix');
const installed = join(prefix, 'lib/node_modules/sealslot');
const bin = join(prefix, 'bin/sealslot');
// The pinned Node comes first, as a user with a recent Node has it.
const env = {
  ...process.env,
  PATH: [dirname(process.execPath), join(prefix, 'bin'), process.env['PATH'] ?? ''].join(delimiter),
};
const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
  version: string;
  devDependencies: Record<string, string>;
};

function sealslot(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(bin, args, { cwd: dir, env, encoding: 'utf8' });
}

/** `api-key`, `api-key create` …: every command that one can ask for help. */
function pathsBelow(command: Command, path: readonly string[] = []): string[][] {
  return command.commands.flatMap((each) => {
    const own = [...path, each.name()];
    return [own, ...pathsBelow(each, own)];
  });
}

const packed = parsePacked(
  execFileSync('npm', ['pack', '--json', '--pack-destination', dir], { cwd: project, env, encoding: 'utf8' }),
);
await checks.check('the tarball holds what it needs, and nothing else', () => {
  assert.deepEqual(notAllowed(packed), []);
  const files = new Set(packed.files.map(({ path }) => path));
  const sources = globSync('src/**/*.ts', { cwd: project });
  const assets = globSync('src/page/*.{html,css,svg}', { cwd: project });
  const modules = sources.flatMap((path) => {
    const built = path.replace(/^src/, 'dist').replace(/\.ts$/, '');
    return [`${built}.js`, `${built}.d.ts`];
  });
  const wanted = [...modules, ...assets.map((path) => path.replace(/^src/, 'dist'))];
  assert.deepEqual(
    wanted.filter((path) => !files.has(path)),
    [],
  );
  return `${files.size} files, ${(packed.size / 1e3).toFixed(0)} kB, unpacked ${(packed.unpackedSize / 1e6).toFixed(1)} MB`;
});

await checks.check('npm install -g of the tarball, in an empty folder', () => {
  const empty = join(dir, 'empty');
  mkdirSync(empty);
  const tarball = join(dir, packed.filename);
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '-g', '--prefix', prefix, tarball], {
    cwd: empty,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  assert.deepEqual(readdirSync(empty), []);
  const modules = join(installed, 'node_modules');
  const there = Object.keys(manifest.devDependencies).filter(
    (name) => globSync(join(modules, name)).length > 0,
  );
  assert.deepEqual(there, [], 'development dependencies');
  return `node_modules ${megabytes(modules)}`;
});

await checks.check('--version', () => {
  const { status, stdout } = sealslot('--version');
  assert.deepEqual([status, stdout.trim()], [0, manifest.version]);
  return stdout.trim();
});
const commands = pathsBelow(createProgram({}, () => undefined));
await checks.check('--help, and that of every command', () => {
  const { stdout } = sealslot('--help');
  assert.match(stdout, /^Usage: sealslot /);
  for (const path of commands) {
    const help = sealslot(...path, '--help');
    assert.equal(help.status, 0, help.stderr);
    assert.ok(help.stdout.startsWith(`Usage: sealslot ${path.join(' ')}`), help.stdout);
    assert.ok(
      path.length > 1 || stdout.includes(`  ${path.join(' ')} `),
      `--help must list ${path.join(' ')}`,
    );
  }
  return `${commands.length} commands`;
});
await checks.check('every module loads without what only development has', () => {
  // The first would start the program, the second is a thread that the demo below starts, the page's are for a browser, and Uppy's
  // plugin is for who has Uppy: an optional peer.
  const left = /^dist\/(main\.js$|store\/adapters\/sqlite\/writer\/worker\.js$|page\/|client\/uppy\/)/;
  const modules = globSync('dist/**/*.js', { cwd: installed }).filter((path) => !left.test(path));
  const script = `for (const path of ${JSON.stringify(modules)}) await import('${installed}/' + path);`;
  execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: dir, stdio: 'pipe' });
  return `${modules.length} modules`;
});
await checks.check('sealslot/node: a program that imports it has its types, and runs', () => {
  const consumer = join(dir, 'consumer');
  mkdirSync(consumer);
  const printed = runConsumer(consumer, installed, join(project, 'node_modules'));
  assert.equal(printed, 'unreachable true Unreachable');
  return printed;
});
await checks.check('sealslot/client: a page that imports it has its types', () => {
  const page = join(dir, 'page');
  mkdirSync(page);
  const printed = runConsumer(page, installed, join(project, 'node_modules'), PAGE);
  assert.equal(printed, 'function true');
  return printed;
});
await checks.check('sealslot: an application that has it inside has its types, and runs', () => {
  const host = join(dir, 'host');
  mkdirSync(host);
  writeFileSync(join(host, 's3-secret'), 'a secret of this check', { mode: 0o600 });
  assert.equal(sealslot('init', '--kek-file', join(host, 'kek.json')).status, 0);
  const printed = runConsumer(host, installed, join(project, 'node_modules'), HOST, ['fastify']);
  assert.equal(printed, 'true true 201,401,401 object HostUnfit UnsafeToServe');
  return printed;
});
await checks.check('a mistyped command or option: 64, and the near one is suggested', () => {
  for (const [args, near] of [
    [['serv'], 'serve'],
    [['doctor', '--tagret', 'main'], '--target'],
    [['init', '--kek-fil', 'x'], '--kek-file'],
  ] as const) {
    const { status, stderr } = sealslot(...args);
    assert.equal(status, 64, stderr);
    assert.ok(stderr.includes(`Did you mean ${near}?`), stderr);
  }
});
for (const shell of ['bash', 'zsh', 'fish'] as const) {
  if ((await findCommand(shell)) === undefined) console.log(`– completion: there is no ${shell} here`);
  else
    await checks.check(`completion: ${shell} ${SHELLS[shell].asks}`, () => {
      assert.equal(complete(shell, env), 'serve');
    });
}
await checks.check('start to help', () => {
  const times = Array.from({ length: STARTS }, () => {
    const from = performance.now();
    sealslot('--help');
    return performance.now() - from;
  }).sort((a, b) => a - b);
  const [least = 0, median = 0, most = 0] = [times[0], times[STARTS / 2], times.at(-1)];
  return `median of ${STARTS}: ${median.toFixed(0)} ms (${least.toFixed(0)} to ${most.toFixed(0)})`;
});
await checks.check('an older Node: one clear line, and 1', async () => {
  const node = await findOldNode();
  const { status, stdout, stderr } = spawnSync(node, [bin, '--help'], { cwd: dir, encoding: 'utf8' });
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /^sealslot needs Node 24 or later, and this is v\d+\.[^\n]*\n$/);
  return stderr.trim().split(' (')[0];
});
await checks.check('the demo, with what is installed', () => {
  const { status, stdout, stderr } = spawnSync('npm', ['run', '-s', 'demo', '--', '--sealslot', bin], {
    cwd: project,
    env,
    encoding: 'utf8',
  });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return stdout.trim().split('\n').at(-1);
});
checks.sumUp();
