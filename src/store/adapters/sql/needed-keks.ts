import { INTERMEDIATE } from '../../../custody/intermediate.ts';
import type { Kek } from '../../port.ts';
import { text, type Row, type Values } from './rows.ts';

/** Sorts after the id of every intermediate key. */
const AFTER_ALL = '~';

interface NeededSql {
  /** Statements that find the KEK of a living key, or of a copy, that follows another. */
  readonly next: readonly string[];
  readonly ofIntermediates: string;
}

/** @param bytes the column that is null once a key is destroyed. */
export function neededSql(bytes: 'wrapped' | 'wrapped_id'): NeededSql {
  const after = (wrapper: string, kek: string) => `
    SELECT ${wrapper} AS wrapper_id, ${kek} AS kek_id FROM keys
    WHERE ${bytes} IS NOT NULL AND (${wrapper}, ${kek}) > (:wrapper_id, :kek_id)
    ORDER BY ${wrapper}, ${kek} LIMIT 1`;
  return {
    next: [after('wrapper_id', 'kek_id'), after('copy_wrapper_id', 'copy_kek_id')],
    ofIntermediates: `
      SELECT wrapper_id, kek_id FROM intermediate_keys WHERE ${bytes} IS NOT NULL
      UNION
      SELECT copy_wrapper_id, copy_kek_id FROM intermediate_keys WHERE ${bytes} IS NOT NULL AND copy_wrapper_id IS NOT NULL`,
  };
}

/** From one KEK to the next in an index, past the keys between: of ten million keys it reads as many as there are KEKs. */
export async function neededKeks(
  { next, ofIntermediates }: NeededSql,
  ask: (sql: string, values: Values) => Promise<readonly Row[]>,
): Promise<Kek[]> {
  const found = new Map<string, Kek>();
  const note = (row: Row): Kek => {
    const kek = { wrapperId: text(row, 'wrapper_id'), kekId: text(row, 'kek_id') };
    found.set(JSON.stringify([kek.wrapperId, kek.kekId]), kek);
    return kek;
  };
  for (const row of await ask(ofIntermediates, {})) note(row);
  for (const sql of next) {
    let after: Kek = { wrapperId: '', kekId: '' };
    for (;;) {
      const [row] = await ask(sql, { wrapper_id: after.wrapperId, kek_id: after.kekId });
      if (row === undefined) break;
      // Of intermediate keys, which are no KEKs, there may be thousands.
      after = row['wrapper_id'] === INTERMEDIATE ? { wrapperId: INTERMEDIATE, kekId: AFTER_ALL } : note(row);
    }
  }
  return [...found.values()];
}
