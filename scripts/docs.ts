import { writeFile } from 'node:fs/promises';
import { render } from './docs/render.ts';

// Fills the generated regions of our Markdown files; with --check, only says which are out of step.
for (const { name, file, was, is } of await render()) {
  if (was === is) continue;
  if (!process.argv.includes('--check')) {
    await writeFile(file, is);
    process.stdout.write(`${name}: written\n`);
  } else {
    process.stderr.write(`${name} is not what the code says; run \`npm run docs\` and commit it.\n`);
    process.exitCode = 1;
  }
}
