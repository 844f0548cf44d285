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

interface Mutant {
  readonly name: string;
  readonly patch: string;
  readonly tests: readonly string[];
}

interface Verdict {
  readonly ok: boolean;
  readonly words: string;
}

function read(patch: string): Mutant {
  const text = readFileSync(patch, 'utf8');
  const tests = /^Tests: (.+)$/m.exec(text)?.[1]?.split(' ') ?? [];
  if (!/^Invariant \d/.test(text) || tests.length === 0)
    throw new Error(`${patch} names no invariant or no tests`);
  return { name: basename(patch, '.patch'), patch, tests };
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

function tryMutant({ patch, tests }: Mutant): Verdict {
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

const only = process.argv[2] ?? '';
const mutants = globSync(join(root, 'test/mutants/*.patch'))
  .sort()
  .map(read)
  .filter(({ name }) => name.startsWith(only));
let passed = 0;
let failed = 0;

function fail(words: string): void {
  failed += 1;
  console.log(`✗ ${words}`);
}

// A test that is red without a mutant would prove anything.
for (const file of new Set(mutants.flatMap(({ tests }) => tests))) {
  if (!inCopy((dir) => runTests(dir, [file]))) fail(`${file} is red without a mutant`);
}
for (const mutant of mutants) {
  const { ok, words } = tryMutant(mutant);
  if (!ok) {
    fail(`${mutant.name}: ${words}`);
    continue;
  }
  passed += 1;
  console.log(`✓ ${mutant.name}: ${words}`);
}
const covered = new Set(mutants.map(({ name }) => name[0]));
if (only === '' && covered.size < INVARIANTS) fail(`${INVARIANTS - covered.size} invariants have no mutant`);
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
if (failed > 0) process.exitCode = 1;
