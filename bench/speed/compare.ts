import type { Row } from './results.ts';

/** Throughput over that of the naive endpoint, by cell, with the run they are of. */
export interface Ratios {
  readonly at: string;
  readonly commit: string;
  readonly form: string;
  readonly cpu: string;
  readonly toNaive: Readonly<Record<string, number>>;
}

export interface Compared {
  readonly cell: string;
  readonly was: number;
  /** Undefined of what was not measured now. */
  readonly is: number | undefined;
  /** -0.2 is a fifth less. */
  readonly change: number | undefined;
  readonly isLost: boolean;
}

/** A share that chance alone does not take away in one run, by turns, on a machine that is otherwise at rest. */
export const TOLERATED = 0.2;

/** What was measured now beside what is committed. Figures of two machines say nothing; their ratios within one run do. */
export function compare({ toNaive }: Pick<Ratios, 'toNaive'>, rows: readonly Row[]): Compared[] {
  return Object.entries(toNaive).map(([cell, was]) => {
    const is = rows.find((row) => row.cell === cell)?.toNaive?.median;
    if (is === undefined) return { cell, was, is, change: undefined, isLost: true };
    const change = is / was - 1;
    return { cell, was, is, change, isLost: change < -TOLERATED };
  });
}

/** Of what is compared with naive, in cells that `isKept`. */
export function ratiosOf(rows: readonly Row[], isKept: (cell: string) => boolean): Ratios['toNaive'] {
  const kept = rows.filter(({ cell, variant }) => isKept(cell) && variant !== 'naive' && variant !== 'empty');
  return Object.fromEntries(
    kept.flatMap(({ cell, toNaive }) =>
      toNaive === null ? [] : [[cell, Math.round(toNaive.median * 1_000) / 1_000]],
    ),
  );
}

export function showCompared(compared: readonly Compared[]): string {
  const lines = compared.map(({ cell, was, is, change, isLost }) => {
    const percent = change === undefined ? '' : `${change < 0 ? '' : '+'}${(change * 100).toFixed(0)} %`;
    const cells = [was.toFixed(2), is?.toFixed(2) ?? 'missing', percent].map((text) => text.padStart(10));
    return `${cell.padEnd(28)}${cells.join('')}${isLost ? '  lost' : ''}`;
  });
  return [
    `${'÷ naive'.padEnd(28)}${['committed', 'now', 'change'].map((head) => head.padStart(10)).join('')}`,
    ...lines,
  ].join('\n');
}
