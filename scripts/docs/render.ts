import { readdir, readFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { CHECKS } from '../../src/doctor/checks.ts';
import { checks } from './checks.ts';
import { commands, help } from './commands.ts';
import { settings } from './configuration.ts';
import { codes, operatorCodes } from './errors.ts';
import { CHART, chart, performance } from './performance.ts';

const ROOT = new URL('../../', import.meta.url);
const REGION = /(?<begin><!-- generated: (?<name>\S+) -->\n).*?(?<end>^<!-- end -->$)/gms;

const REGIONS: Readonly<Record<string, () => string>> = {
  settings,
  codes,
  'operator-codes': operatorCodes,
  help,
  commands,
  checks: () => checks(CHECKS),
  performance,
};

export interface Page {
  /** From the root of the repository. */
  readonly name: string;
  readonly file: URL;
  readonly was: string;
  /** With what the code says between `<!-- generated: … -->` and `<!-- end -->`; the words around are written by hand. */
  readonly is: string;
}

export async function render(): Promise<Page[]> {
  const names = [await pagesIn('./'), await pagesIn('docs/')].flat();
  return [...(await Promise.all(names.map(renderPage))), ...(await renderChart())];
}

/** None before there is a run. */
async function renderChart(): Promise<Page[]> {
  const is = chart();
  if (is === undefined) return [];
  const file = new URL(CHART, ROOT);
  const was = await readFile(file, 'utf8').catch(() => '');
  return [{ name: CHART, file, was, is }];
}

async function pagesIn(folder: string): Promise<string[]> {
  const names = (await readdir(new URL(folder, ROOT))).filter((name) => name.endsWith('.md'));
  return names.sort().map((name) => `${folder}${name}`.replace('./', ''));
}

async function renderPage(name: string): Promise<Page> {
  const file = new URL(name, ROOT);
  const was = await readFile(file, 'utf8');
  if (!was.includes('<!-- generated: ')) return { name, file, was, is: was };
  const filled = was.replace(REGION, (...found) => {
    const { begin = '', name: region = '', end = '' } = found.at(-1) as Record<string, string | undefined>;
    const generate = Object.hasOwn(REGIONS, region) ? REGIONS[region] : undefined;
    if (generate === undefined) throw new Error(`${name}: there is nothing named ${region} to generate`);
    return `${begin}\n${generate()}\n\n${end}`;
  });
  const style = await resolveConfig(file);
  return { name, file, was, is: await format(filled, { ...style, parser: 'markdown' }) };
}
