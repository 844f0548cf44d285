import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { cellId, SHORT } from './cells.ts';
import { ratiosOf, type Ratios } from './compare.ts';
import { rowsOf, type Results } from './results.ts';

const RESULTS = new URL('../results.json', import.meta.url);
const RATIOS = new URL('../ratios.json', import.meta.url);

/** The committed run; undefined before the first. */
export const readResults = (): Results | undefined => read(RESULTS) as Results | undefined;
export const readRatios = (): Ratios | undefined => read(RATIOS) as Ratios | undefined;

function read(file: URL): unknown {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** The ratios of what the short form measures, and of a full run the results that docs/performance.md is made of. */
export async function writeResults(results: Results): Promise<void> {
  const short = new Set(SHORT.map(cellId));
  const { at, commit, form, machine, rounds } = results;
  const toNaive = ratiosOf(rowsOf(rounds), (cell) => short.has(cell));
  await write(RATIOS, { at, commit, form, cpu: machine.cpu, toNaive });
  if (form === 'full') await write(RESULTS, results);
}

async function write(file: URL, value: object): Promise<void> {
  const style = await resolveConfig(file);
  await writeFile(file, await format(JSON.stringify(value), { ...style, parser: 'json' }));
}
