/** How large `import { createUploader } from 'sealslot/client'` is in a page: bundled and minified by esbuild, then by gzip. Too large is a failure. */
import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const MOST_BYTES = 6_000;
const root = resolve(import.meta.dirname, '..');
const { outputFiles, metafile } = await build({
  stdin: {
    contents:
      "import { createUploader } from './src/client/browser/index.ts'; globalThis.uploader = createUploader;",
    resolveDir: root,
  },
  ...{ bundle: true, minify: true, format: 'esm', platform: 'browser', write: false, metafile: true },
});
const code = outputFiles[0]?.contents ?? new Uint8Array();
const bytes = gzipSync(code, { level: 9 }).length;
if (process.argv.includes('--parts')) {
  const parts = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  for (const [path, { bytesInOutput }] of parts) console.log(String(bytesInOutput).padStart(6), path);
}
console.log(`sealslot/client: ${bytes} bytes by gzip, ${code.length} before, of at most ${MOST_BYTES}`);
if (bytes > MOST_BYTES) process.exitCode = 1;
