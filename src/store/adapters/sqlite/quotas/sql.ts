/**
 * The statements on quotas; the unit test reads their query plans. Counts end at the bound, so that what they cost is bounded too.
 * `INDEXED BY`: others hold the slots of a tenant as well, ended ones among them.
 */

export const OPEN_OF_TENANT = `
  SELECT count(*) AS open, min(expires_at) AS first_ends_at FROM (
    SELECT expires_at FROM uploads INDEXED BY uploads_open
    WHERE tenant = :tenant AND state = 'issued' AND expires_at > :now ORDER BY expires_at LIMIT :limit)`;

export const OPEN_OF_PRINCIPAL = `
  SELECT count(*) AS open, min(expires_at) AS first_ends_at FROM (
    SELECT expires_at FROM uploads INDEXED BY uploads_open_by_principal
    WHERE tenant = :tenant AND charged_to = :principal AND state = 'issued' AND expires_at > :now ORDER BY expires_at LIMIT :limit)`;

export const ANNOUNCED =
  'SELECT bytes FROM announced WHERE tenant = :tenant AND principal = :principal AND day = :day';

export const ANNOUNCE = `
  INSERT INTO announced (tenant, principal, day, bytes) VALUES (:tenant, :principal, :day, :bytes)
  ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes`;

export const DROP_BEFORE = `
  DELETE FROM announced WHERE rowid IN (SELECT rowid FROM announced WHERE day < :day ORDER BY day LIMIT :limit)`;
