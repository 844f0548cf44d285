import { createHash } from 'node:crypto';
import { canonicalRow, compareKeys, differingColumns, keyOf } from './canonical.ts';
import type { Column, RawRow, RowKey, TableReader } from './port.ts';
import type { MovedTable } from './tables.ts';

const PAGE = 2_000;

/** One row that is not the same in both. Names its key and columns, never what stands in them. */
export interface Difference {
  readonly table: string;
  readonly key: RowKey;
  readonly kind: 'missing' | 'added' | 'changed';
  /** Of a changed one. */
  readonly columns: readonly string[];
}

export interface TableDigests {
  readonly rows: { readonly source: number; readonly target: number };
  /** SHA-256 over the canonical rows in the order of the key, in hex. */
  readonly sha256: { readonly source: string; readonly target: string };
}

export function isSame({ sha256 }: TableDigests): boolean {
  return sha256.source === sha256.target;
}

/**
 * Reads a table in both stores to its end, whatever it finds; a page of each is all that is in memory.
 * @param differs hears of each row that is not the same.
 * @param seen called after each row of the source.
 */
export async function compareTable(
  { source, target }: { readonly source: TableReader; readonly target: TableReader },
  table: MovedTable,
  { differs, seen, signal }: Comparison,
): Promise<TableDigests> {
  const columns = await source.columns(table);
  const ours = new Side(source, table, columns);
  const theirs = new Side(target, table, columns);
  let [one, other] = [await ours.next(), await theirs.next()];
  while ((one !== undefined || other !== undefined) && !signal.aborted) {
    const order = orderOf(one, other);
    if (order < 0 && one) differs({ table: table.name, key: one.key, kind: 'missing', columns: [] });
    if (order > 0 && other) differs({ table: table.name, key: other.key, kind: 'added', columns: [] });
    if (order === 0 && one && other && one.text !== other.text) {
      const changed = differingColumns(one.row, other.row, columns);
      differs({ table: table.name, key: one.key, kind: 'changed', columns: changed });
    }
    if (order <= 0) {
      seen();
      one = await ours.next();
    }
    if (order >= 0) other = await theirs.next();
  }
  return {
    rows: { source: ours.rows, target: theirs.rows },
    sha256: { source: ours.digest(), target: theirs.digest() },
  };
}

export interface Comparison {
  readonly differs: (difference: Difference) => void;
  readonly seen: () => void;
  readonly signal: AbortSignal;
}

interface Read {
  readonly key: RowKey;
  readonly row: RawRow;
  readonly text: string;
}

function orderOf(one: Read | undefined, other: Read | undefined): number {
  if (one === undefined) return 1;
  return other === undefined ? -1 : compareKeys(one.key, other.key);
}

/** The rows of one store, one after the other, and what they come to. */
class Side {
  readonly #reader: TableReader;
  readonly #table: MovedTable;
  readonly #columns: readonly Column[];
  readonly #hash = createHash('sha256');
  #page: RawRow[] = [];
  #at = 0;
  #after: RowKey | undefined;
  #isLast = false;
  rows = 0;

  constructor(reader: TableReader, table: MovedTable, columns: readonly Column[]) {
    this.#reader = reader;
    this.#table = table;
    this.#columns = columns;
  }

  async next(): Promise<Read | undefined> {
    if (this.#at === this.#page.length) {
      if (this.#isLast) return undefined;
      this.#page = await this.#reader.page(this.#table, this.#after, PAGE);
      this.#isLast = this.#page.length < PAGE;
      this.#at = 0;
    }
    const row = this.#page[this.#at];
    if (row === undefined) return undefined;
    this.#at += 1;
    this.rows += 1;
    const text = canonicalRow(row, this.#columns);
    this.#hash.update(text);
    this.#after = keyOf(this.#table, row);
    return { key: this.#after, row, text };
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}
