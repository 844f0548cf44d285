import type { PostgresDatabase } from '../../test/support/postgres.ts';
import type { Known } from './operations.ts';
import {
  DAY_MS as DAY,
  DAYS,
  INTERMEDIATE_ID,
  idAt,
  idBehind,
  PRINCIPAL,
  RECENT,
  SAMPLE,
  TENANT,
} from './shape.ts';

const INTO = ['uploads', 'keys', 'idempotency'] as const;

/**
 * Slots as they are after ninety days of steady use, in the order of their making: most `uploaded`, those of the last day `issued` where
 * nothing came yet, some expired, rejected, deleted; each with its key, those of the last day with an idempotency record as well.
 */
export async function fillPostgres(database: PostgresDatabase, slots: number, now: number): Promise<void> {
  const indexes = await database.query(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE tablename = ANY($1)
      AND indexname NOT IN (SELECT conname FROM pg_constraint)`,
    [INTO],
  );
  // Foreign keys are dropped first, and come back last.
  const constraints = await database.query(
    `SELECT conrelid::regclass AS table, conname AS name, pg_get_constraintdef(oid) AS definition
     FROM pg_constraint WHERE conrelid = ANY($1::regclass[]) AND contype IN ('p', 'u', 'f') ORDER BY contype = 'f' DESC`,
    [INTO],
  );
  const first = now - DAYS * DAY;
  const step = (DAYS * DAY) / slots;
  // `OFFSET 0` keeps what is named from being computed anew wherever it is used. One script is one transaction: what is written to a table that it empties first needs no WAL (wal_level = minimal).
  await database.query(`
    SET synchronous_commit = off; SET maintenance_work_mem = '1GB';
    TRUNCATE ${INTO.join(', ')}, intermediate_keys;
    ${indexes.map(({ name }) => `DROP INDEX ${String(name)};`).join('\n')}
    ${constraints.map(({ table, name }) => `ALTER TABLE ${String(table)} DROP CONSTRAINT ${String(name)};`).join('\n')}
    INSERT INTO intermediate_keys (id, tenant, period, version, wrapper_id, kek_id, wrapped, wraps_new, created_at)
      VALUES ('${INTERMEDIATE_ID}', '${TENANT}', '2026-11-26', 1, 'openbao', 'transit/sealslot', decode(repeat('ab', 61), 'hex'), 1, ${now});
    INSERT INTO uploads (id, tenant, principal, state, target, bucket, object_key, filename, content_type, size, sha256, method, metadata,
      expires_in_seconds, created_at, expires_at, url_ends_at, uploaded_at, etag, version_id, generation, deleting_at, deleted_at, next_check_at,
      charged_to, idempotency_id)
    SELECT id, tenant, principal, state, 'main', 'acme-uploads', tenant || '/2026/11/' || id || '/' || filename,
      CASE WHEN state <> 'deleted' THEN filename END, 'application/pdf', 1 + n % 5000000, encode(sha256(id::bytea), 'base64'), 'PUT',
      CASE WHEN state = 'deleted' THEN '{}' ELSE '{"customer-number":"' || substr(id, 25, 8) || '","department":"accounts"}' END,
      900, made, made + ${DAY}, made + 900000,
      CASE WHEN state IN ('uploaded', 'deleting') THEN made + 5000 END,
      CASE WHEN state = 'uploaded' THEN '"' || md5(id) || '"' END,
      CASE WHEN state = 'uploaded' THEN md5('v' || id) END,
      1,
      CASE WHEN state IN ('deleting', 'deleted') THEN made + ${DAY} END,
      CASE WHEN state = 'deleted' THEN made + ${2 * DAY} END,
      CASE WHEN state = 'issued' THEN made + ${DAY} WHEN state IN ('expired', 'rejected') THEN made + ${30 * DAY} + ${DAYS * DAY}
        WHEN state = 'deleting' THEN ${now + DAY} WHEN state = 'deleted' THEN made + ${92 * DAY} END,
      principal, CASE WHEN made > ${now - DAY} THEN n + 1 END
    FROM (
      SELECT *, substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-7' || substr(random, 1, 3) || '-8' || substr(random, 4, 3) || '-' ||
          substr(random, 7, 12) AS id,
        CASE WHEN n % 10 = 3 THEN 'tenant-' || n / 10 % 99 ELSE '${TENANT}' END AS tenant,
        CASE WHEN n % 3 = 0 OR n % 10 = 1 THEN '${PRINCIPAL}' ELSE 'jwt:https://issuer.example.com user-' || n % 5000 END AS principal,
        'Invoice ' || substr(random, 19, 12) || '.pdf' AS filename,
        CASE WHEN made > ${now - DAY} AND n % 10 = 1 THEN 'issued' WHEN n % 100 < 90 THEN 'uploaded' WHEN n % 100 < 95 THEN 'expired'
          WHEN n % 100 < 96 THEN 'rejected' WHEN n % 1000 = 999 THEN 'deleting' ELSE 'deleted' END AS state
      FROM (
        SELECT n, made, lpad(to_hex(made), 12, '0') AS hex, md5('sealslot ' || n) AS random
        FROM (SELECT n, (${first} + n * ${step}::float8)::bigint AS made FROM generate_series(0::bigint, ${slots - 1}) AS n) AS numbers OFFSET 0
      ) AS random_ones OFFSET 0
    ) AS shaped;
    INSERT INTO keys (upload_id, generation, wrapper_id, kek_id, wrapped, created_at, destroyed_at)
      SELECT id, 1, 'intermediate', '${INTERMEDIATE_ID}',
        CASE WHEN state <> 'deleted' THEN '\\x01'::bytea || sha256(id::bytea) || substr(sha256(object_key::bytea), 1, 28) END,
        created_at, deleted_at
      FROM uploads;
    INSERT INTO idempotency (id, tenant, principal, key, request_hash, upload_ids, expires_at) OVERRIDING SYSTEM VALUE
      SELECT idempotency_id, tenant, principal, md5('k' || id), sha256(id::bytea), id, created_at + ${DAY} FROM uploads
      WHERE idempotency_id IS NOT NULL;
    SELECT setval(pg_get_serial_sequence('idempotency', 'id'), ${slots + 1});
    ${constraints
      .toReversed()
      .map(
        ({ table, name, definition }) =>
          `ALTER TABLE ${String(table)} ADD CONSTRAINT ${String(name)} ${String(definition)};`,
      )
      .join('\n')}
    ${indexes.map(({ definition }) => `${String(definition)};`).join('\n')}`);
  for (const table of [...INTO, 'intermediate_keys']) await database.query(`VACUUM (ANALYZE) ${table}`);
  await database.query('CHECKPOINT');
}

/** Some of what is there. */
export async function knownIn(database: PostgresDatabase, slots: number, now: number): Promise<Known> {
  const ids = async (condition: string, limit: number): Promise<string[]> =>
    (
      await database.query(
        `SELECT id FROM uploads WHERE tenant = '${TENANT}' AND ${condition} LIMIT ${limit}`,
      )
    ).map(({ id }) => String(id));
  // Of all ages, without a search through all: so many at random, by their number in the file.
  const share = Math.min(100, (100 * SAMPLE * 2) / slots);
  const any = await database.query(
    `SELECT id FROM uploads TABLESAMPLE SYSTEM (${share}) WHERE tenant = '${TENANT}' AND state = 'uploaded' LIMIT ${SAMPLE}`,
  );
  const recent = await database.query(
    `SELECT id FROM (
       SELECT id, tenant, state FROM uploads WHERE id < '${idAt(now)}' ORDER BY id DESC LIMIT ${RECENT}) AS newest
     WHERE tenant = '${TENANT}' AND state = 'uploaded'`,
  );
  const open = await ids(`state = 'issued' AND idempotency_id IS NOT NULL`, SAMPLE);
  const purgeable = await ids(`state = 'deleted'`, 300);
  const records = await database.query(
    `SELECT key FROM idempotency WHERE tenant = '${TENANT}' AND principal = '${PRINCIPAL}' AND expires_at > $1
     AND length(key) = 32 LIMIT ${SAMPLE}`,
    [now],
  );
  return {
    any: any.map(({ id }) => String(id)),
    recent: recent.map(({ id }) => String(id)),
    recordKeys: records.map(({ key }) => String(key)),
    open,
    purgeable,
    middle: idBehind(0.5, now),
  };
}

export interface TableSize {
  readonly table: string;
  readonly rows: number;
  readonly tableBytes: number;
  readonly indexBytes: number;
}

export async function tableSizes(database: PostgresDatabase): Promise<TableSize[]> {
  const rows = await database.query(
    `SELECT relname AS name, reltuples::bigint AS rows, pg_table_size(oid) AS own, pg_indexes_size(oid) AS indexes
     FROM pg_class WHERE relname = ANY($1) ORDER BY relname DESC`,
    [INTO],
  );
  return rows.map(({ name, rows: count, own, indexes }) => ({
    table: String(name),
    rows: Number(count),
    tableBytes: Number(own),
    indexBytes: Number(indexes),
  }));
}
