import type { KeyStore } from '../../../port.ts';
import { uploadColumns } from '../columns.ts';

/** The statements on `keys`. Each read is one index search without a sort; the unit test reads their query plans. */

/** Renamed where `uploads` has a column of the same name. */
const COLUMNS = `k.generation AS key_generation, k.version_id AS key_version_id, k.wrapper_id, k.kek_id, k.wrapped,
    k.copy_wrapper_id, k.copy_kek_id, k.copy_stale`;

export const GET_KEY = `
  SELECT ${COLUMNS} FROM keys AS k WHERE upload_id = :upload_id AND generation = :generation AND wrapped IS NOT NULL`;

export const ALL_KEYS = `
  SELECT ${COLUMNS} FROM keys AS k WHERE upload_id = :upload_id AND wrapped IS NOT NULL ORDER BY generation`;

type PageQuery = Parameters<KeyStore['page']>[0];

/** Everything behind (`:upload_id`, `:generation`). */
export function pageSql({ tenant, wrappedBy, copies }: Omit<PageQuery, 'after' | 'limit'>): string {
  const conditions = [
    'k.wrapped IS NOT NULL',
    '(k.upload_id, k.generation) > (:upload_id, :generation)',
    ...(wrappedBy === undefined ? [] : ['k.wrapper_id = :wrapper_id']),
    ...(wrappedBy?.kekId === undefined ? [] : ['k.kek_id = :kek_id']),
    ...(copies === 'stale' ? ['k.copy_stale = 1'] : []),
    ...(copies === 'missing' ? ['k.copy_wrapper_id IS NULL'] : []),
  ].join(' AND ');
  // Subqueries keep the order of the tables. Else a page in the middle of many keys begins with all slots before it, as a merge of both
  // indexes looks cheap to the planner. A tenant has fewer slots than a KEK has keys. Tombstones have no keys.
  return tenant === undefined
    ? `SELECT u.*, k.* FROM (
         SELECT k.upload_id, ${COLUMNS} FROM keys AS k WHERE ${conditions} ORDER BY k.upload_id, k.generation LIMIT :limit) AS k
       CROSS JOIN LATERAL (SELECT ${uploadColumns()} FROM uploads WHERE uploads.id = k.upload_id OFFSET 0) AS u
       ORDER BY k.upload_id, k.key_generation`
    : `SELECT ${uploadColumns('u')}, k.* FROM uploads AS u CROSS JOIN LATERAL (
         SELECT ${COLUMNS} FROM keys AS k WHERE k.upload_id = u.id AND ${conditions} ORDER BY k.generation OFFSET 0) AS k
       WHERE u.tenant = :tenant AND u.state <> 'deleted' AND u.id >= :upload_id
       ORDER BY u.id, k.key_generation LIMIT :limit`;
}
