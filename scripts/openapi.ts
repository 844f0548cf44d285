import { readFile, writeFile } from 'node:fs/promises';
import { buildApp } from '../src/app.ts';
import { createLogger } from '../src/http/log.ts';
import { createMetrics } from '../src/http/metrics.ts';

// Writes openapi/openapi.json from the routes; with --check, only says whether the committed one is the same.
const file = new URL('../openapi/openapi.json', import.meta.url);
const app = await buildApp({
  current: () => {
    throw new Error('the document needs no services');
  },
  logger: createLogger('silent'),
  metrics: createMetrics(),
});
await app.ready();
const text = `${JSON.stringify(app.swagger(), null, 2)}\n`;
await app.close();
if (!process.argv.includes('--check')) {
  await writeFile(file, text);
} else if ((await readFile(file, 'utf8')) !== text) {
  process.stderr.write(
    'openapi/openapi.json is not what the routes say; run `npm run openapi` and commit it.\n',
  );
  process.exitCode = 1;
}
