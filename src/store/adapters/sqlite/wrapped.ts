import type { SQLInputValue } from 'node:sqlite';
import type { WrappedKey } from '../../../custody/port.ts';
import type { KeyCopy } from '../../port.ts';
import type { Connection } from './connection.ts';
import { keyBytes } from './key-bytes.ts';
import { bytes, integer, text, type Row } from './rows.ts';

type Values = Record<string, SQLInputValue>;

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

export function toWrapped(row: Row): WrappedKey {
  return { wrapperId: text(row, 'wrapper_id'), kekId: text(row, 'kek_id'), bytes: bytes(row, 'wrapped') };
}

export function toCopy(row: Row): KeyCopy | null {
  if (row['copy_wrapper_id'] === null) return null;
  return {
    wrapperId: text(row, 'copy_wrapper_id'),
    kekId: text(row, 'copy_kek_id'),
    isStale: integer(row, 'copy_stale') === 1,
  };
}

/** By column name, for named parameters. */
export function fromKek({ wrapperId, kekId }: Omit<WrappedKey, 'bytes'>): Values {
  return { wrapper_id: wrapperId, kek_id: kekId };
}

/** By column name, for named parameters. */
export function fromCopy(copy: KeyCopy | null): Values {
  return {
    copy_wrapper_id: copy?.wrapperId ?? null,
    copy_kek_id: copy?.kekId ?? null,
    copy_stale: copy?.isStale === true ? 1 : 0,
  };
}

export function copyOf({ wrapperId, kekId }: WrappedKey, hasCopy: boolean): KeyCopy | null {
  return hasCopy ? { wrapperId, kekId, isStale: false } : null;
}
