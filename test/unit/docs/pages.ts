import { readdir, readFile } from 'node:fs/promises';

export const ROOT = new URL('../../../', import.meta.url);

export interface Block {
  /** `docs/aws.md:12` */
  readonly at: string;
  /** What stands behind the opening fence: `yaml`, `bash demo` … */
  readonly info: string;
  readonly text: string;
}

export const readPage = (name: string): Promise<string> => readFile(new URL(name, ROOT), 'utf8');

/** All our Markdown files, from the root of the repository. */
export async function pageNames(): Promise<string[]> {
  const inFolder = async (folder: string) =>
    (await readdir(new URL(folder, ROOT)))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}${name}`.replace('./', ''));
  return (await Promise.all(['./', 'docs/', 'docs/decisions/'].map(inFolder))).flat();
}

/** Fenced blocks, without the indentation that they have in a list. */
export async function blocksOf(name: string): Promise<Block[]> {
  const page = await readPage(name);
  const fences = page.matchAll(/^(?<indent> *)```(?<info>[^\n]*)\n(?<body>.*?)^ *```$/gms);
  return Array.from(fences, ({ index, groups = {} }) => ({
    at: `${name}:${page.slice(0, index).split('\n').length}`,
    info: groups.info ?? '',
    text: (groups.body ?? '').replace(new RegExp(`^${groups.indent ?? ''}`, 'gm'), ''),
  }));
}
