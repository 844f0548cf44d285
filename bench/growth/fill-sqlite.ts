import { DatabaseSync } from 'node:sqlite';
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts';
import type { Known } from './operations.ts';
import { DAY_MS, DAYS, INTERMEDIATE_ID, idBehind, PRINCIPAL, RECENT, SAMPLE, TENANT } from './shape.ts';

/** Of one transaction. */
const CHUNK = 250_000;
/** Keys in order go to the end of their B-trees; these are made afterwards, in one go each. */
const LATER = ['uploads', 'keys', 'idempotency'];

/** As `fillPostgres`: the same slots in the same shares, by statements that SQLite has. @param path of a file that is not there yet. */
export async function fillSqlite(path: string, slots: number, now: number): Promise<void> {
  await (await openSqliteStore({ path, exclusive: false })).close();
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  // Only while it is filled: each opening of the store sets what it needs.
  db.exec(`PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA cache_size = -524288; PRAGMA threads = 2`);
  const indexes = db
    .prepare(
      `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
        AND tbl_name IN (SELECT value FROM json_each(?))`,
    )
    .all(JSON.stringify(LATER));
  for (const { name } of indexes) db.exec(`DROP INDEX ${String(name)}`);
  db.exec(`INSERT INTO wrapped_keys (id, bytes) VALUES (0, randomblob(61));
    INSERT INTO intermediate_keys (id, tenant, period, version, wrapper_id, kek_id, wrapped_id, wraps_new, created_at)
      VALUES ('${INTERMEDIATE_ID}', '${TENANT}', '2026-11-26', 1, 'openbao', 'transit/sealslot', 0, 1, ${now})`);
  for (let from = 0; from < slots; from += CHUNK)
    db.exec(`BEGIN; ${chunkSql(from, Math.min(from + CHUNK, slots), slots, now)} COMMIT`);
  for (const { sql } of indexes) db.exec(String(sql));
  db.close();
}

/** From slot number `from` to below `to`. A CTE is materialised, so that what is random in it stays what it was. */
function chunkSql(from: number, to: number, slots: number, now: number): string {
  const first = now - DAYS * DAY_MS;
  const step = (DAYS * DAY_MS) / slots;
  const inChunk = `rowid BETWEEN ${from + 1} AND ${to}`;
  return `
    INSERT INTO uploads (rowid, id, tenant, principal, state, target, bucket, object_key, filename, content_type, size, sha256, method,
      metadata, expires_in_seconds, created_at, expires_at, url_ends_at, uploaded_at, etag, version_id, generation, deleting_at, deleted_at,
      next_check_at, charged_to, idempotency_id)
    WITH numbers (n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ${to}),
    random_ones AS MATERIALIZED (
      SELECT n, CAST(${first} + n * ${step} AS INTEGER) AS made, lower(hex(randomblob(16))) AS random FROM numbers),
    shaped AS MATERIALIZED (
      SELECT n, made, random, printf('%08x-%04x-7', made >> 16, made & 65535) || substr(random, 1, 3) || '-8' || substr(random, 4, 3) || '-' ||
          substr(random, 7, 12) AS id,
        iif(n % 10 = 3, 'tenant-' || n / 10 % 99, '${TENANT}') AS tenant,
        iif(n % 3 = 0 OR n % 10 = 1, '${PRINCIPAL}', 'jwt:https://issuer.example.com user-' || n % 5000) AS principal,
        'Invoice ' || substr(random, 19, 12) || '.pdf' AS filename,
        CASE WHEN made > ${now - DAY_MS} AND n % 10 = 1 THEN 'issued' WHEN n % 100 < 90 THEN 'uploaded' WHEN n % 100 < 95 THEN 'expired'
          WHEN n % 100 < 96 THEN 'rejected' WHEN n % 1000 = 999 THEN 'deleting' ELSE 'deleted' END AS state
      FROM random_ones)
    SELECT n + 1, id, tenant, principal, state, 'main', 'acme-uploads', tenant || '/2026/11/' || id || '/' || filename,
      iif(state <> 'deleted', filename, NULL), 'application/pdf', 1 + n % 5000000, substr(hex(randomblob(22)), 1, 43) || '=', 'PUT',
      iif(state = 'deleted', '{}', '{"customer-number":"' || substr(random, 25, 8) || '","department":"accounts"}'),
      900, made, made + ${DAY_MS}, made + 900000,
      iif(state IN ('uploaded', 'deleting'), made + 5000, NULL),
      iif(state = 'uploaded', '"' || random || '"', NULL),
      iif(state = 'uploaded', random, NULL),
      1,
      iif(state IN ('deleting', 'deleted'), made + ${DAY_MS}, NULL),
      iif(state = 'deleted', made + ${2 * DAY_MS}, NULL),
      CASE WHEN state = 'issued' THEN made + ${DAY_MS} WHEN state IN ('expired', 'rejected') THEN made + ${30 * DAY_MS} + ${DAYS * DAY_MS}
        WHEN state = 'deleting' THEN ${now + DAY_MS} WHEN state = 'deleted' THEN made + ${92 * DAY_MS} END,
      principal, iif(made > ${now - DAY_MS}, n + 1, NULL)
    FROM shaped;
    INSERT INTO wrapped_keys (id, bytes)
      SELECT rowid, iif(state <> 'deleted', randomblob(61), NULL) FROM uploads WHERE ${inChunk} ORDER BY rowid;
    INSERT INTO keys (upload_id, generation, wrapper_id, kek_id, wrapped_id, created_at, destroyed_at)
      SELECT id, 1, 'intermediate', '${INTERMEDIATE_ID}', iif(state <> 'deleted', rowid, NULL), created_at, deleted_at
      FROM uploads WHERE ${inChunk} ORDER BY rowid;
    INSERT INTO idempotency (id, tenant, principal, key, request_hash, upload_ids, expires_at)
      SELECT idempotency_id, tenant, principal, lower(hex(randomblob(16))), randomblob(32), id, created_at + ${DAY_MS}
      FROM uploads WHERE ${inChunk} AND idempotency_id IS NOT NULL ORDER BY rowid;`;
}

/** Some of what is there. */
export function knownInSqlite(path: string, slots: number, now: number): Known {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const texts = (sql: string, ...values: (string | number)[]): string[] =>
      db
        .prepare(sql)
        .all(...values)
        .map((row) => String(Object.values(row)[0]));
    const uploaded = `tenant = '${TENANT}' AND state = 'uploaded'`;
    const atRandom = Array.from({ length: 1.5 * SAMPLE }, () => 1 + Math.floor(Math.random() * slots));
    return {
      any: texts(
        `SELECT id FROM uploads WHERE rowid IN (SELECT value FROM json_each(?)) AND ${uploaded}`,
        JSON.stringify(atRandom),
      ),
      recent: texts(`SELECT id FROM uploads WHERE rowid > ${slots - RECENT} AND ${uploaded}`),
      open: texts(
        `SELECT id FROM uploads WHERE tenant = '${TENANT}' AND state = 'issued' AND idempotency_id IS NOT NULL LIMIT ${SAMPLE}`,
      ),
      recordKeys: texts(
        `SELECT key FROM idempotency WHERE tenant = '${TENANT}' AND principal = '${PRINCIPAL}' AND expires_at > ?
         AND length(key) = 32 LIMIT ${SAMPLE}`,
        now,
      ),
      purgeable: texts(`SELECT id FROM uploads WHERE tenant = '${TENANT}' AND state = 'deleted' LIMIT 300`),
      middle: idBehind(0.5, now),
    };
  } finally {
    db.close();
  }
}
