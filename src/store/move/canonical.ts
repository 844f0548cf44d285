import type { Cell, Column, RawRow, RowKey } from './port.ts';
import type { MovedTable } from './tables.ts';

/** One text for one row, and another for any other: each value stands behind its kind and, where that varies, its length in bytes. */
export function canonicalRow(row: RawRow, columns: readonly Column[]): string {
  return columns.map(({ name }) => canonicalCell(row[name])).join('');
}

function canonicalCell(cell: Cell | undefined): string {
  if (cell === undefined) throw new TypeError('a row lacks a column');
  if (cell === null) return '-';
  if (typeof cell === 'number') return `i${cell};`;
  if (typeof cell === 'string') return `t${Buffer.byteLength(cell)}:${cell}`;
  return `b${cell.length}:${Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength).toString('hex')}`;
}

/** The columns in which two rows of one key differ. */
export function differingColumns(a: RawRow, b: RawRow, columns: readonly Column[]): string[] {
  const differs = ({ name }: Column) => canonicalCell(a[name]) !== canonicalCell(b[name]);
  return columns.filter(differs).map(({ name }) => name);
}

export function keyOf(table: MovedTable, row: RawRow): RowKey {
  return table.key.map((column) => {
    const cell = row[column];
    if (typeof cell !== 'string' && typeof cell !== 'number')
      throw new TypeError('a key is text or a number');
    return cell;
  });
}

/** As both databases sort: numbers by size, text by its bytes in UTF-8, which is not how JavaScript compares it. */
export function compareKeys(a: RowKey, b: RowKey): number {
  for (const [index, one] of a.entries()) {
    const other = b[index] ?? 0;
    const order =
      typeof one === 'number' || typeof other === 'number'
        ? Number(one) - Number(other)
        : Buffer.compare(Buffer.from(one), Buffer.from(other));
    if (order !== 0) return order;
  }
  return 0;
}
