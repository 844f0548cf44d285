import { MoveRefused } from '../errors.ts';
import { keyOf } from './canonical.ts';
import type { Column, MoveSource, MoveTarget, RawRow } from './port.ts';
import type { MovedTable } from './tables.ts';

/** As many as make the round trip cheap, and few enough to be held in memory. */
const BATCH = 2_000;

/** The two stores of a move. */
export interface Pair {
  readonly source: MoveSource;
  readonly target: MoveTarget;
}

/**
 * Goes on where the last commit has left off. @returns once all rows are copied, or the signal has asked for an end.
 * @param copied told of how many rows are copied now.
 */
export async function copyTable(
  { source, target }: Pair,
  table: MovedTable,
  { copied, signal, batch = BATCH }: Copying,
): Promise<void> {
  const columns = await commonColumns({ source, target }, table);
  let from = await target.progress(table);
  copied(from.rows);
  while (!from.isCopied && !signal.aborted) {
    const rows = await source.page(table, from.after, batch);
    for (const row of rows) demandStorable(table, row);
    const last = rows.at(-1);
    const to = {
      after: last === undefined ? from.after : keyOf(table, last),
      rows: from.rows + rows.length,
      isCopied: rows.length < batch,
    };
    from = (await target.add(table, columns, rows, from, to)) ? to : await target.progress(table);
    copied(from.rows);
  }
}

export interface Copying {
  readonly copied: (rows: number) => void;
  readonly signal: AbortSignal;
  readonly batch?: number;
}

/** Of schemas that do not agree no row is copied, as a column would be lost. */
async function commonColumns({ source, target }: Pair, table: MovedTable): Promise<readonly Column[]> {
  const ours = await source.columns(table);
  const theirs = await target.columns(table);
  const told = (columns: readonly Column[]) => columns.map(({ name, kind }) => `${name} ${kind}`).join(', ');
  if (told(ours) !== told(theirs)) {
    throw new Error(`the columns of ${table.name} differ: ${told(ours)} and ${told(theirs)}`);
  }
  return ours;
}

/** PostgreSQL has no text with a NUL in it, and would refuse the whole batch without naming the row. */
function demandStorable(table: MovedTable, row: RawRow): void {
  const column = Object.keys(row).find((name) => {
    const cell = row[name];
    return typeof cell === 'string' && cell.includes('\0');
  });
  if (column === undefined) return;
  throw new MoveRefused(
    `The ${column} of ${table.name} ${keyOf(table, row).join(' ')} holds a NUL, which PostgreSQL cannot store.`,
  );
}
