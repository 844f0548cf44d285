/**
 * Breaks each invariant by a small patch of `test/mutants` in a copy of the project, and expects the tests that the patch names to turn
 * red. A patch that no longer applies, or that the tests do not notice, fails.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';

const COPIED = ['src', 'test', 'scripts', 'openapi', 'package.json', 'sealslot.example.yaml'];
const root = resolve(import.meta.dirname, '..');
const INVARIANTS = 8;

interface Verdict {
  readonly ok: boolean;
  readonly words: string;
}

function inCopy<T>(work: (dir: string) => T): T {
  const dir = mkdtempSync(join(tmpdir(), 'sealslot-mutant-'));
  try {
    for (const name of COPIED) cpSync(join(root, name), join(dir, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
    return work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function runTests(dir: string, files: readonly string[]): boolean {
  const result = spawnSync(process.execPath, ['--test', '--test-reporter=dot', ...files], {
    cwd: dir,
    timeout: 300_000,
    stdio: 'ignore',
  });
  return result.status === 0;
}

function tryMutant(patch: string): Verdict {
  const text = readFileSync(patch, 'utf8');
  const tests = /^Tests: (.+)$/m.exec(text)?.[1]?.split(' ') ?? [];
  if (!/^Invariant \d/.test(text) || tests.length === 0)
    return { ok: false, words: 'names no invariant or no tests' };
  return inCopy((dir) => {
    // Outside a repository, `git apply` would look for one above.
    const applied = spawnSync('git', ['apply', patch], {
      cwd: dir,
      env: { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() },
    });
    if (applied.status !== 0)
      return { ok: false, words: `does not apply: ${applied.stderr.toString().trim()}` };
    return runTests(dir, tests)
      ? { ok: false, words: 'was not noticed' }
      : { ok: true, words: 'turned the tests red' };
  });
}

const only = process.argv[2];
const patches = globSync(join(root, 'test/mutants/*.patch'))
  .filter((patch) => only === undefined || basename(patch).startsWith(only))
  .sort();
const used = new Set(
  patches.flatMap((patch) => /^Tests: (.+)$/m.exec(readFileSync(patch, 'utf8'))?.[1]?.split(' ') ?? []),
);
let failed = 0;
for (const file of used) {
  // A test that is red without a mutant would prove anything.
  if (inCopy((dir) => runTests(dir, [file]))) continue;
  failed += 1;
  console.log(`✗ ${file} is red without a mutant`);
}
for (const patch of patches) {
  const { ok, words } = tryMutant(patch);
  if (!ok) failed += 1;
  console.log(`${ok ? '✓' : '✗'} ${basename(patch, '.patch')}: ${words}`);
}
const covered = new Set(patches.map((patch) => basename(patch)[0]));
if (only === undefined && covered.size < INVARIANTS) {
  failed += 1;
  console.log(`✗ ${INVARIANTS - covered.size} invariants have no mutant`);
}
console.log(`${patches.length - Math.min(failed, patches.length)} passed, ${failed} failed, 0 skipped`);
if (failed > 0) process.exitCode = 1;
