import { INTERMEDIATE } from '../../../../custody/intermediate.ts';
import type { KeyStore } from '../../../port.ts';

/** The statements on `keys`. Each read is one index search without a sort; the unit test reads their query plans. */

/** Renamed where `uploads` has a column of the same name. */
const COLUMNS = `k.generation AS key_generation, k.version_id AS key_version_id, k.wrapper_id, k.kek_id, w.bytes AS wrapped,
    k.copy_wrapper_id, k.copy_kek_id, k.copy_stale`;

const BYTES = 'CROSS JOIN wrapped_keys AS w ON w.id = k.wrapped_id';

export const INSERT_KEY = `
  INSERT INTO keys (upload_id, generation, version_id, wrapper_id, kek_id, wrapped_id, created_at,
    copy_wrapper_id, copy_kek_id, copy_stale)
  VALUES (:upload_id, :generation, :version_id, :wrapper_id, :kek_id, :wrapped_id, :created_at,
    :copy_wrapper_id, :copy_kek_id, :copy_stale)`;

export const GET_KEY = `
  SELECT ${COLUMNS} FROM keys AS k ${BYTES}
  WHERE upload_id = :upload_id AND generation = :generation AND wrapped_id IS NOT NULL`;

export const ALL_KEYS = `
  SELECT ${COLUMNS} FROM keys AS k ${BYTES}
  WHERE upload_id = :upload_id AND wrapped_id IS NOT NULL ORDER BY generation`;

type PageQuery = Parameters<KeyStore['page']>[0];

/** Everything behind (`:upload_id`, `:generation`). */
export function pageSql({ tenant, wrappedBy, copies }: Omit<PageQuery, 'after' | 'limit'>): string {
  const conditions = [
    'k.wrapped_id IS NOT NULL',
    '(k.upload_id, k.generation) > (:upload_id, :generation)',
    ...(wrappedBy === undefined ? [] : ['k.wrapper_id = :wrapper_id']),
    ...(wrappedBy?.kekId === undefined ? [] : ['k.kek_id = :kek_id']),
    ...(copies === 'stale' ? ['k.copy_stale = 1'] : []),
    ...(copies === 'missing' ? ['k.copy_wrapper_id IS NULL AND k.copy_kek_id IS NULL'] : []),
  ].join(' AND ');
  // CROSS JOIN keeps the order of the tables: a tenant has fewer slots than a KEK has keys. Tombstones have no keys.
  return tenant === undefined
    ? `SELECT u.*, ${COLUMNS} FROM keys AS k CROSS JOIN uploads AS u ON u.id = k.upload_id ${BYTES}
       WHERE ${conditions} ORDER BY k.upload_id, k.generation LIMIT :limit`
    : `SELECT u.*, ${COLUMNS} FROM uploads AS u CROSS JOIN keys AS k ON k.upload_id = u.id ${BYTES}
       WHERE u.tenant = :tenant AND u.state <> 'deleted' AND u.id >= :upload_id AND ${conditions}
       ORDER BY u.id, k.generation LIMIT :limit`;
}

/** One statement, so that all counts are of one moment. */
export const USAGE = `
  SELECT 'objectKeys' AS kind, wrapper_id, kek_id, count(*) AS keys FROM keys
    WHERE wrapped_id IS NOT NULL GROUP BY wrapper_id, kek_id
  UNION ALL
  SELECT 'copies', copy_wrapper_id, copy_kek_id, count(*) FROM keys
    WHERE wrapped_id IS NOT NULL AND copy_wrapper_id IS NOT NULL GROUP BY copy_wrapper_id, copy_kek_id
  UNION ALL
  SELECT 'intermediateKeys', wrapper_id, kek_id, count(*) FROM intermediate_keys
    WHERE wrapped_id IS NOT NULL GROUP BY wrapper_id, kek_id
  UNION ALL
  SELECT 'copies', copy_wrapper_id, copy_kek_id, count(*) FROM intermediate_keys
    WHERE wrapped_id IS NOT NULL AND copy_wrapper_id IS NOT NULL
    GROUP BY wrapper_id, kek_id, copy_wrapper_id, copy_kek_id`;

/** How many living keys an intermediate key wraps. */
export const USES = `
  SELECT count(*) AS uses FROM keys WHERE wrapper_id = '${INTERMEDIATE}' AND kek_id = :id AND wrapped_id IS NOT NULL`;

/** A number is never given twice, not even when the generation that had it was given up: an object may still lie under its key. */
export const BEGIN = `
  UPDATE uploads SET next_generation = :next_generation, url_ends_at = max(url_ends_at, :writes_until), next_check_at = :next_check_at
  WHERE id = :id AND state = 'uploaded' AND generation = :generation AND next_generation IS NULL
    AND :next_generation = 1 + (SELECT max(generation) FROM keys WHERE upload_id = :id)
  RETURNING *`;

export const LAST_GENERATION =
  'SELECT coalesce(max(generation), 0) AS last FROM keys WHERE upload_id = :upload_id';

/** Before `ADVANCE`, which forgets the version: the generation that is superseded remembers it. */
export const SUPERSEDE = `
  UPDATE keys SET version_id = (SELECT version_id FROM uploads WHERE id = :id)
  WHERE upload_id = :id AND generation = (
    SELECT generation FROM uploads WHERE id = :id AND state = 'uploaded' AND next_generation = :next_generation)`;

export const ADVANCE = `
  UPDATE uploads SET generation = next_generation, next_generation = NULL, etag = :etag, version_id = :version_id,
    next_check_at = :next_check_at
  WHERE id = :id
  RETURNING *`;

export const IS_CURRENT = 'SELECT 1 FROM uploads WHERE id = :upload_id AND generation = :generation';

export const GIVE_UP = `
  UPDATE uploads SET next_generation = NULL WHERE id = :upload_id AND next_generation = :generation`;
