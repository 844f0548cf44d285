import { readFileSync } from 'node:fs';

const FENCE = /^```bash demo\n(?<block>.*?)^```$/gms;

/** README's blocks marked `bash demo`, in order: the demo runs their very text, so that what people read is what was tried. */
export function readmeBlocks(): { upload: string; download: string; remove: string; form: string } {
  const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [upload, download, remove, form, ...more] = Array.from(
    text.matchAll(FENCE),
    (found) => found.groups?.block,
  );
  if (!upload || !download || !remove || !form || more.length > 0) {
    throw new Error('README.md must have four blocks marked "bash demo": upload, download, delete, form');
  }
  return { upload, download, remove, form };
}
