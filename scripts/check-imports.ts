/** Import direction: src keeps every rule of .dependency-cruiser.cjs, and the fixture shows that each rule can be broken. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

interface Cruise {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly { from: string; to: string; rule: { name: string } }[];
  };
}

const root = resolve(import.meta.dirname, '..');
const config = join(root, '.dependency-cruiser.cjs');
const fixture = join(root, 'test/fixtures/import-direction');
/** Not in the fixture: it has to compile. */
const NOT_IN_FIXTURE = new Set(['no-unresolvable']);

/** Rules name paths from `src/` on, so each run starts in the folder above. */
function cruise(folder: string): Cruise['summary'] {
  const { stdout, stderr } = spawnSync('depcruise', ['--config', config, '--output-type', 'json', 'src'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}` },
  });
  if (stdout === '') throw new Error(`depcruise said nothing: ${stderr}`);
  return (JSON.parse(stdout) as Cruise).summary;
}

const problems: string[] = [];
const src = cruise(root);
for (const { rule, from, to } of src.violations) problems.push(`${rule.name}: ${from} → ${to}`);
if (src.totalCruised < 20) problems.push(`only ${src.totalCruised} modules of src were looked at`);

const { forbidden } = createRequire(import.meta.url)(config) as { forbidden: { name: string }[] };
const broken = new Set(cruise(fixture).violations.map(({ rule }) => rule.name));
for (const { name } of forbidden) {
  if (!broken.has(name) && !NOT_IN_FIXTURE.has(name))
    problems.push(`${name}: the fixture breaks it unnoticed`);
}

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`import direction: ${src.totalCruised} modules keep ${forbidden.length} rules`);
