import { chartOf } from '../../bench/speed/chart.ts';
import { readResults } from '../../bench/speed/files.ts';
import { rowsOf } from '../../bench/speed/results.ts';
import { notesOf, tableOf } from '../../bench/speed/table.ts';

export const CHART = 'docs/performance.svg';

/** The committed run, as a table and a chart. */
export function performance(): string {
  const results = readResults();
  if (results === undefined) return 'No run is committed yet.';
  const notes = notesOf(results).map((note) => `- ${note}`);
  const chart = '![Throughput of each variant as a multiple of the naive endpoint](performance.svg)';
  return [chart, tableOf(results.rounds), notes.join('\n')].join('\n\n');
}

export function chart(): string | undefined {
  const results = readResults();
  return results && chartOf(rowsOf(results.rounds));
}
