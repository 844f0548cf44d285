import type { WrappedKey } from '../../../custody/port.ts';
import type { Connection } from './connection.ts';
import { keyBytes } from './key-bytes.ts';
import { integer, type Values } from '../sql/rows.ts';
import { copyOf, fromCopy, fromKek } from '../sql/wrapped.ts';

/** The changes to wrapped keys that `keys` and `intermediate_keys` have in common. A row is named by the columns it is found by. */
export interface WrappedRows {
  /** @returns false when the row is not wrapped as in `from`. */
  replace(row: Values, from: WrappedKey, to: WrappedKey): boolean;
  /** @returns false when the row is not wrapped as in `of`, or destroyed. */
  copied(row: Values, of: WrappedKey | null): boolean;
  /** @returns false when no living row was found. */
  destroy(row: Values, at: number): boolean;
}

export function wrappedRows(
  connection: Connection,
  table: 'keys' | 'intermediate_keys',
  columns: readonly string[],
): WrappedRows {
  const isRow = columns.map((column) => `k.${column} = :${column}`).join(' AND ');
  const update = (changes: string) =>
    connection.prepare(`UPDATE ${table} AS k SET ${changes} WHERE ${isRow} AND wrapped_id IS NOT NULL`);
  const living = connection.prepare(
    `SELECT wrapped_id FROM ${table} AS k WHERE ${isRow} AND wrapped_id IS NOT NULL`,
  );
  const still = connection.prepare(
    `SELECT wrapped_id FROM ${table} AS k JOIN wrapped_keys AS w ON w.id = k.wrapped_id
     WHERE ${isRow} AND wrapper_id = :wrapper_id AND kek_id = :kek_id AND w.bytes = :bytes`,
  );
  const rewrite = update(
    `wrapper_id = :wrapper_id, kek_id = :kek_id, wrapped_id = :wrapped_id, copy_stale = copy_wrapper_id IS NOT NULL`,
  );
  const end = update('wrapped_id = NULL, destroyed_at = :at');
  const noteCopy = update(
    'copy_wrapper_id = :copy_wrapper_id, copy_kek_id = :copy_kek_id, copy_stale = :copy_stale',
  );
  const bytesOf = keyBytes(connection);
  const findStill = (row: Values, { bytes, ...kek }: WrappedKey) =>
    still.get({ ...row, ...fromKek(kek), bytes });
  return {
    replace(row, from, to) {
      const found = findStill(row, from);
      if (found === undefined) return false;
      const id = bytesOf.replace(integer(found, 'wrapped_id'), to.bytes);
      rewrite.run({ ...row, ...fromKek(to), wrapped_id: id });
      return true;
    },
    copied(row, of) {
      if (of !== null && findStill(row, of) === undefined) return false;
      const copy = of === null ? null : copyOf(of, true);
      return noteCopy.run({ ...row, ...fromCopy(copy) }).changes !== 0;
    },
    destroy(row, at) {
      const ids = living.all(row).map((found) => integer(found, 'wrapped_id'));
      end.run({ ...row, at });
      for (const id of ids) bytesOf.erase(id);
      return ids.length !== 0;
    },
  };
}
