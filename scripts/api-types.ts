/**
 * Writes src/client/api.ts, the types of the API, from openapi/openapi.json; with --check, only says whether the committed one is the same. The
 * generator wants TypeScript 5 and so lives in a folder of its own, whose lockfile is installed when it is not there yet.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const folder = join(root, 'scripts/api-types');
const file = join(root, 'src/client/api.ts');
const generator = join(folder, 'node_modules/openapi-typescript/bin/cli.js');
if (!existsSync(generator)) {
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: folder,
    stdio: 'inherit',
  });
}
const options = ['--immutable', '--default-non-nullable=false'];
const types = execFileSync(process.execPath, [generator, join(root, 'openapi/openapi.json'), ...options], {
  cwd: folder,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
  maxBuffer: 2 ** 26,
});
if (!process.argv.includes('--check')) {
  await writeFile(file, types);
} else if ((await readFile(file, 'utf8')) !== types) {
  process.stderr.write(
    'src/client/api.ts is not what openapi/openapi.json says; run `npm run api-types` and commit it.\n',
  );
  process.exitCode = 1;
}
