import type { WrappedKey } from '../../../custody/port.ts';
import { copyOf, fromCopy, fromKek } from '../sql/wrapped.ts';
import type { Session, Values } from './connection.ts';

/** The columns that say which row. */
const PLACES = {
  keys: 'upload_id = :upload_id AND generation = :generation',
  intermediate_keys: 'id = :id',
} as const;

/** Changes to one wrapped key, in a transaction. Conditions are of the row itself, so they hold when it is locked. */
export interface WrappedRow {
  /** Where it is still wrapped as in `from`; `demandUsable` comes first. */
  replace(session: Session, row: Values, from: WrappedKey, to: WrappedKey): Promise<boolean>;
  copied(session: Session, row: Values, of: WrappedKey | null): Promise<boolean>;
  /** @returns false when it is destroyed already, or there is none. */
  destroy(session: Session, row: Values, at: number): Promise<boolean>;
}

export function wrappedRow(table: keyof typeof PLACES): WrappedRow {
  const where = `WHERE ${PLACES[table]} AND wrapped IS NOT NULL`;
  const still = 'AND wrapper_id = :from_wrapper_id AND kek_id = :from_kek_id AND wrapped = :from_wrapped';
  const rewrite = `
    UPDATE ${table} SET wrapper_id = :wrapper_id, kek_id = :kek_id, wrapped = :wrapped,
      copy_stale = (copy_wrapper_id IS NOT NULL)::int ${where} ${still}`;
  const noteCopy = `
    UPDATE ${table} SET copy_wrapper_id = :copy_wrapper_id, copy_kek_id = :copy_kek_id, copy_stale = :copy_stale ${where}`;
  const end = `UPDATE ${table} SET wrapped = NULL, destroyed_at = :at ${where}`;
  return {
    replace: async (session, row, from, to) =>
      (await session.run(rewrite, { ...row, ...fromKek(to), wrapped: to.bytes, ...asFrom(from) })) > 0,
    copied: async (session, row, of) =>
      of === null
        ? (await session.run(noteCopy, { ...row, ...fromCopy(null) })) > 0
        : (await session.run(`${noteCopy} ${still}`, {
            ...row,
            ...fromCopy(copyOf(of, true)),
            ...asFrom(of),
          })) > 0,
    destroy: async (session, row, at) => (await session.run(end, { ...row, at })) > 0,
  };
}

function asFrom({ wrapperId, kekId, bytes }: WrappedKey): Values {
  return { from_wrapper_id: wrapperId, from_kek_id: kekId, from_wrapped: bytes };
}
