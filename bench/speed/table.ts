import type { Results, Row } from './results.ts';
import { rowsOf } from './results.ts';
import { median, type Spread } from './stats.ts';

const HEADS = ['', 'connections', 'a second', '÷ naive', '÷ empty', 'p50 ms', 'p99 ms', 'p99.9 ms'];
const MORE_HEADS = ['CPU µs', 'CPU of naive ÷', 'database’s CPU µs', 'RSS MB'];

/** Of the median, and of the least and the most behind it. */
function withSpread({ median: middle, min, max }: Spread, digits: number): string {
  return `${figure(middle, digits)} (${figure(min, digits)}–${figure(max, digits)})`;
}

function figure(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function cellsOf(row: Row): string[] {
  const ratio = (of: Spread | null): string => (of === null ? '' : withSpread(of, 2));
  return [
    row.variant,
    String(row.connections),
    withSpread(row.perSecond, 0),
    ratio(row.toNaive),
    ratio(row.toEmpty),
    ...[row.p50Ms, row.p99Ms, row.p999Ms].map((ms) => figure(ms, 1)),
    figure(row.cpuMicroseconds, 0),
    row.cpuToNaive === null ? '' : figure(row.cpuToNaive.median, 2),
    row.storeCpuMicroseconds === null ? '' : figure(row.storeCpuMicroseconds, 0),
    figure(row.rssMb, 0),
  ];
}

/** As Markdown, which reads well enough on a terminal. */
export function tableOf(rounds: Results['rounds']): string {
  const lines = [[...HEADS, ...MORE_HEADS], ...rowsOf(rounds).map(cellsOf)];
  const widths = lines.reduce<number[]>(
    (most, line) => line.map((cell, column) => Math.max(most[column] ?? 3, cell.length)),
    [],
  );
  const padded = lines.map((line) =>
    line.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    ),
  );
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [padded[0] ?? [], rule, ...padded.slice(1)].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

/** What is no part of the table. */
export function notesOf({ half, startMs, machine, at, commit, form, rounds }: Results): string[] {
  const { cpu, cores, memoryGb, kernel, node, fileSystem, loadBefore } = machine;
  const starts = Object.entries(startMs).map(
    ([store, times]) =>
      `${store} ${figure(median(times), 0)} ms (${times.map((ms) => figure(ms, 0)).join(', ')})`,
  );
  const middle = (of: 'p50Ms' | 'p99Ms' | 'p999Ms'): string =>
    figure(median((half?.rounds ?? []).map((one) => one[of])), 1);
  return [
    ...(half === null
      ? []
      : [
          `At half of its peak, ${figure(half.rate, 0)} a second for ${half.cell}, counted from when each was due: p50 ${middle('p50Ms')} ms, p99 ${middle('p99Ms')} ms, p99.9 ${middle('p999Ms')} ms.`,
        ]),
    ...(starts.length === 0
      ? []
      : [`From the start of the process to \`ready\` (budget 1,000 ms): ${starts.join('; ')}.`]),
    `${form} run of ${rounds.length} rounds, ${at}, commit ${commit}: ${cores} × ${cpu}, ${memoryGb} GB, Linux ${kernel}, ${fileSystem}, Node ${node}; load average before it ${loadBefore}.`,
  ];
}
