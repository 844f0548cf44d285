/**
 * The model-based test of a slot's life, with more runs than `npm test` has time for: `node scripts/model.ts [runs]`, 10,000 unless given.
 * A counterexample is shown with its seed, path and replayPath; `node scripts/model.ts 1 --seed=… --path=… --replay=…` runs it again.
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, path: { type: 'string' }, replay: { type: 'string' } },
});
const { status } = spawnSync(process.execPath, ['--test', 'test/unit/model/model.test.ts'], {
  cwd: resolve(import.meta.dirname, '..'),
  stdio: 'inherit',
  env: {
    ...process.env,
    MODEL_RUNS: positionals[0] ?? '10000',
    ...(values.seed !== undefined && { MODEL_SEED: values.seed }),
    ...(values.path !== undefined && { MODEL_PATH: values.path }),
    ...(values.replay !== undefined && { MODEL_REPLAY: values.replay }),
  },
});
process.exitCode = status ?? 1;
