/**
 * Runs test suites (`node scripts/test.ts unit contract …`), each a folder of test/, and judges them more strictly than `node --test`: skipped and
 * todo tests, files without tests and suites smaller than test/minimum.json are errors. The last line sums up.
 */
import { globSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { MISSING_PREFIX } from '../test/support/available.ts';

const PARALLEL = new Set(['unit', 'contract']);
const MINUTE = 60_000;

interface Outcome {
  passed: number;
  /** One line a failure. */
  readonly failed: string[];
  readonly skipped: string[];
}

async function runSuite(suite: string, minimum: number): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, failed: [], skipped: [] };
  const files = globSync(`test/${suite}/**/*.test.ts`).sort();
  console.log(`\n# ${suite}: ${files.length} files`);
  if (files.length > 0) await runFiles(suite, files, outcome);
  if (outcome.passed < minimum) {
    outcome.failed.push(`${suite}: ${outcome.passed} tests passed; test/minimum.json demands ${minimum}`);
  }
  return outcome;
}

async function runFiles(suite: string, files: readonly string[], outcome: Outcome): Promise<void> {
  const parallel = PARALLEL.has(suite);
  const paths = new Set(files.flatMap((file) => [file, resolve(file)]));
  const stream = run({
    files,
    concurrency: parallel ? 2 : 1,
    // A hung test has to end; integration may have to build a server first.
    timeout: (parallel ? 5 : 20) * MINUTE,
  });
  stream.on('test:pass', ({ name, nesting, details, skip, todo }) => {
    const line = `${suite}: ${name}`;
    if (todo !== undefined) outcome.failed.push(`${line} (todo)`);
    else if (skip !== undefined) outcome.skipped.push(typeof skip === 'string' ? `${line} (${skip})` : line);
    else if (details.type === 'suite') return;
    else if (nesting === 0 && paths.has(name)) outcome.failed.push(`${line} (no tests in it)`);
    else outcome.passed++;
  });
  stream.on('test:fail', ({ name, file, details }) => {
    const { cause, failureType } = details.error as { cause?: unknown; failureType?: string };
    // A suite whose tests failed is not a failure of its own; one whose hook failed is.
    if (details.type === 'suite' && failureType === 'subtestsFailed') return;
    const message = cause instanceof Error ? cause.message : String(cause);
    outcome.failed.push(`${suite}: ${name} (${file ?? ''}): ${message.split('\n')[0] ?? ''}`);
  });
  const summaries: boolean[] = [];
  stream.on('test:summary', (summary) => {
    if (summary.file === undefined) summaries.push(summary.success);
  });
  for await (const chunk of stream.compose(spec())) process.stdout.write(chunk as string);
  if (summaries.join() !== 'true' && outcome.failed.length === 0)
    outcome.failed.push(`${suite}: the runner says it failed`);
}

function report(outcomes: readonly Outcome[]): boolean {
  const failed = outcomes.flatMap((outcome) => outcome.failed);
  const skipped = outcomes.flatMap((outcome) => outcome.skipped);
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const missing = [...failed, ...skipped].flatMap((line) => {
    const at = line.indexOf(MISSING_PREFIX);
    return at === -1 ? [] : [line.slice(at).replace(/\)$/, '')];
  });
  console.log('');
  for (const line of failed) console.log(`failed: ${line}`);
  for (const line of skipped) console.log(`skipped: ${line}`);
  for (const line of new Set(missing)) console.log(line);
  console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
  return failed.length === 0 && skipped.length === 0;
}

// Each store that serves begins a thread, which loads the adapters anew: with their types stripped already that takes a third of the time.
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'sealslot-test-compile-cache');
process.chdir(resolve(import.meta.dirname, '..'));
const named = process.argv.slice(2);
const minimum = JSON.parse(readFileSync('test/minimum.json', 'utf8')) as Partial<Record<string, number>>;
const outcomes: Outcome[] = [];
for (const suite of named.length > 0 ? named : ['unit', 'contract', 'integration']) {
  outcomes.push(await runSuite(suite, minimum[suite] ?? 1));
}
if (!report(outcomes)) process.exitCode = 1;
