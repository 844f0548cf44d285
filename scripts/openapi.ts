import { readFile, writeFile } from 'node:fs/promises';
import { ROUTES } from '../src/app.ts';
import { describeApi } from '../src/http/docs.ts';

// Writes openapi/openapi.json from the routes; with --check, only says whether the committed one is the same.
const file = new URL('../openapi/openapi.json', import.meta.url);
const text = `${JSON.stringify(await describeApi(ROUTES), null, 2)}\n`;
if (!process.argv.includes('--check')) {
  await writeFile(file, text);
} else if ((await readFile(file, 'utf8')) !== text) {
  process.stderr.write(
    'openapi/openapi.json is not what the routes say; run `npm run openapi` and commit it.\n',
  );
  process.exitCode = 1;
}
