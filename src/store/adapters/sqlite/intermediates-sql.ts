import type { IntermediateStore } from '../../port.ts';

/** The statements on `intermediate_keys`. The unit test reads the query plans. */

const LIVING = `
  SELECT k.*, w.bytes AS wrapped FROM intermediate_keys AS k CROSS JOIN wrapped_keys AS w ON w.id = k.wrapped_id
  WHERE k.wrapped_id IS NOT NULL`;

export const NEWEST = `${LIVING} AND tenant = :tenant AND period = :period AND wraps_new
  ORDER BY version DESC LIMIT 1`;

export const GET = `${LIVING} AND k.id = :id`;

export const HAS = `
  SELECT 1 FROM intermediate_keys
  WHERE id = :id OR (tenant = :tenant AND period = :period AND version = :version)`;

export const LAST_VERSION = `
  SELECT coalesce(max(version), 0) AS version FROM intermediate_keys WHERE tenant = :tenant AND period = :period`;

export const INSERT = `
  INSERT INTO intermediate_keys (id, tenant, period, version, wrapper_id, kek_id, wrapped_id, wraps_new, created_at,
    copy_wrapper_id, copy_kek_id, copy_stale)
  VALUES (:id, :tenant, :period, :version, :wrapper_id, :kek_id, :wrapped_id, :wraps_new, :created_at,
    :copy_wrapper_id, :copy_kek_id, :copy_stale)`;

export const WRAP_NO_MORE = 'UPDATE intermediate_keys SET wraps_new = 0 WHERE id = ?';

/** Ids are UUIDv7, so their order is that of time; so is the order of versions. */
export function listSql({ tenant, period }: NonNullable<Parameters<IntermediateStore['list']>[0]>): string {
  const conditions = [
    ...(tenant === undefined ? [] : ['AND tenant = :tenant']),
    ...(period === undefined ? [] : ['AND period = :period']),
  ].join(' ');
  const order = tenant !== undefined && period !== undefined ? 'version' : 'k.id';
  return `${LIVING} ${conditions} ORDER BY ${order}`;
}
