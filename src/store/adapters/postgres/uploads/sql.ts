import { uploadColumns } from '../columns.ts';

/**
 * The statements on `uploads` but those that make slots. Each read is one index search without a sort, whatever the parameters: their
 * plans are made without knowing them, and the integration test reads these.
 *
 * A change is one statement with its condition, which PostgreSQL asks again of the row as it is once the row is locked. What such a
 * condition reads of *other* rows is as old as the statement, so none may hang on what another transaction changes under that lock.
 */

const COLUMNS = uploadColumns();

/** Of any tenant: an id is one row's, and `get` gives it to its tenant only. */
export const GET = `SELECT ${COLUMNS} FROM uploads WHERE id = ANY(:ids::text[])`;

/**
 * Of the indexes only those of lists are in this order, which is the bytes' as well: the primary key is not, so that no plan goes back
 * over the slots of all tenants until it has found enough of one.
 */
const OLDER = 'id COLLATE "POSIX" < :before';
const NEWEST_FIRST = 'ORDER BY id COLLATE "POSIX" DESC';

export const LIST_LIVE = `
  SELECT ${COLUMNS} FROM uploads WHERE tenant = :tenant AND ${OLDER} AND state <> 'deleted' ${NEWEST_FIRST} LIMIT :limit`;

export const LIST_BY_STATE = `
  SELECT ${COLUMNS} FROM uploads WHERE tenant = :tenant AND state = :state AND ${OLDER} ${NEWEST_FIRST} LIMIT :limit`;

export const LIST_ISSUED = `
  SELECT ${COLUMNS} FROM uploads WHERE tenant = :tenant AND state = 'issued' AND ${OLDER} AND expires_at > :now
  ${NEWEST_FIRST} LIMIT :limit`;

/** Those that the job has not come to yet are few, and found among the open ones by their time: by their ids all open ones would be passed. */
export const LIST_EXPIRED = `
  WITH overdue AS MATERIALIZED (
    SELECT id FROM uploads WHERE tenant = :tenant AND state = 'issued' AND expires_at <= :now ORDER BY expires_at),
  noted AS MATERIALIZED (
    SELECT id FROM uploads WHERE tenant = :tenant AND state = 'expired' AND ${OLDER} ${NEWEST_FIRST} LIMIT :limit)
  SELECT ${COLUMNS} FROM uploads
  WHERE id IN (SELECT id FROM (TABLE overdue UNION ALL TABLE noted) AS both_of
    WHERE id < :before ORDER BY id DESC LIMIT :limit)
  ORDER BY id DESC`;

/**
 * Of several who ask at once each passes over what another is taking. Who has changed a slot meanwhile is waited for by nobody either:
 * the next look finds it. The condition that says the same again has the planner expect few rows, where it knows no limit.
 */
export const CLAIM_DUE = `
  WITH due AS MATERIALIZED (
    SELECT id, next_check_at FROM uploads WHERE next_check_at <= :now
    ORDER BY next_check_at, id LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED)
  UPDATE uploads SET next_check_at = :lease_until FROM due
  WHERE uploads.id = due.id AND uploads.id = ANY(ARRAY(SELECT id FROM due))
  RETURNING ${COLUMNS}, due.next_check_at AS came_at`;

const flagged = (column: string, type: string): string =>
  `${column} = CASE WHEN :has_${column}::int = 1 THEN :${column}::${type} ELSE ${column} END`;
const asExpected = (column: string, type: string): string =>
  `(:has_expected_${column}::int = 0 OR ${column} IS NOT DISTINCT FROM :expected_${column}::${type})`;

/**
 * One statement for every patch: a nullable column has a flag that says whether it is patched. That a slot becomes `uploaded` only with a
 * key hangs on `forgotten_at`, which is of its own row; of a key that goes without that its slot is deleted.
 */
export const UPDATE = `
  UPDATE uploads SET
    state = coalesce(:state::text, state),
    url_ends_at = greatest(url_ends_at, :url_ends_at::bigint),
    ${flagged('uploaded_at', 'bigint')},
    ${flagged('etag', 'text')},
    ${flagged('version_id', 'text')},
    ${flagged('multipart_upload_id', 'text')},
    ${flagged('mismatches', 'text')},
    ${flagged('deleting_at', 'bigint')},
    ${flagged('next_check_at', 'bigint')}
  WHERE id = :id AND state = ANY(:from::text[])
    AND ${asExpected('next_check_at', 'bigint')}
    AND ${asExpected('multipart_upload_id', 'text')}
    AND (:state::text IS DISTINCT FROM 'uploaded' OR (forgotten_at IS NULL
      AND EXISTS (SELECT 1 FROM keys WHERE upload_id = :id AND wrapped IS NOT NULL)))
  RETURNING ${COLUMNS}`;

/** In the order of ids, so that two who change the same slots never wait for each other. */
const eachOf = (condition: string): string => `
  WITH wanted AS MATERIALIZED (
    SELECT id FROM uploads WHERE id = ANY(:ids::text[]) AND ${condition} ORDER BY id FOR NO KEY UPDATE)`;

export const EXTEND = `${eachOf(`state = 'issued'`)}
  UPDATE uploads SET url_ends_at = greatest(url_ends_at, :url_ends_at) FROM wanted WHERE uploads.id = wanted.id
  RETURNING ${COLUMNS}`;

export const MAKE_DUE = `${eachOf(`state IN ('issued', 'expired') AND forgotten_at IS NULL`)}
  UPDATE uploads SET next_check_at = least(next_check_at, :at) FROM wanted WHERE uploads.id = wanted.id
  RETURNING ${COLUMNS}`;

export { BURY, FORGET } from '../../sql/endings.ts';

/** A forgotten slot that is `deleting` is on its way to a tombstone. */
export const PURGEABLE = `
  SELECT idempotency_id FROM uploads
  WHERE id = :id AND (state = 'deleted' OR (forgotten_at IS NOT NULL AND state IN ('expired', 'rejected'))) FOR UPDATE`;

/** After `PURGEABLE` has locked the slot. */
export const HAS_LIVING_KEY =
  'SELECT 1 AS one FROM keys WHERE upload_id = :id AND wrapped IS NOT NULL LIMIT 1';

export const PURGE_KEYS = 'DELETE FROM keys WHERE upload_id = :id';

/** A message under way is delivered all the same. */
export const PURGE_MESSAGES = `DELETE FROM outbox WHERE upload_id = :id AND state <> 'pending'`;

export const PURGE = 'DELETE FROM uploads WHERE id = :id';

/** Whether the object of a slot that is to be adopted has a slot already. */
export const HAS_SLOT = `
  SELECT 1 AS one FROM uploads
  WHERE id = ANY(:ids::text[]) AND (id = :id OR (bucket = :bucket AND object_key = :object_key)) LIMIT 1`;
