/** The statements on `uploads`. Each read is one index search without a sort; the unit test reads their query plans. */

export const INSERT_UPLOAD = `
  INSERT INTO uploads (id, tenant, principal, state, target, bucket, object_key, filename, content_type, size, sha256, crc32c, crc64nvme,
    method, part_size, multipart_upload_id, metadata, expires_in_seconds, created_at, expires_at, url_ends_at, uploaded_at, etag, version_id,
    mismatches, generation, next_generation, deleting_at, deleted_at, forgotten_at, next_check_at, idempotency_id,
    charged_to)
  VALUES (:id, :tenant, :principal, :state, :target, :bucket, :object_key, :filename, :content_type, :size, :sha256, :crc32c, :crc64nvme,
    :method, :part_size, :multipart_upload_id, :metadata, :expires_in_seconds, :created_at, :expires_at, :url_ends_at, :uploaded_at, :etag, :version_id,
    :mismatches, :generation, :next_generation, :deleting_at, :deleted_at, :forgotten_at, :next_check_at, :idempotency_id,
    :charged_to)`;

/** Whether the object of a slot that is to be adopted has a slot already. */
export const HAS_SLOT = `
  SELECT 1 FROM uploads WHERE id IN (SELECT value FROM json_each(:ids))
    AND (id = :id OR (bucket = :bucket AND object_key = :object_key))`;

export const GET = 'SELECT * FROM uploads WHERE id = :id AND tenant = :tenant';

export const LIST_LIVE = `
  SELECT * FROM uploads WHERE tenant = :tenant AND id < :before AND state <> 'deleted' ORDER BY id DESC LIMIT :limit`;

export const LIST_BY_STATE = `
  SELECT * FROM uploads WHERE tenant = :tenant AND state = :state AND id < :before ORDER BY id DESC LIMIT :limit`;

export const LIST_ISSUED = `
  SELECT * FROM uploads WHERE tenant = :tenant AND state = 'issued' AND id < :before AND expires_at > :now
  ORDER BY id DESC LIMIT :limit`;

export const LIST_EXPIRED = `
  SELECT * FROM uploads WHERE tenant = :tenant AND state = 'expired' AND id < :before
  UNION ALL
  SELECT * FROM uploads WHERE tenant = :tenant AND state = 'issued' AND id < :before AND expires_at <= :now
  ORDER BY id DESC LIMIT :limit`;

export const DUE =
  'SELECT id FROM uploads WHERE next_check_at <= :now ORDER BY next_check_at, id LIMIT :limit';

export const LEASE = 'UPDATE uploads SET next_check_at = :lease_until WHERE id = :id RETURNING *';

/** One statement for every patch: a nullable column has a flag that says whether it is patched. */
export const UPDATE = `
  UPDATE uploads SET
    state = coalesce(:state, state),
    url_ends_at = max(url_ends_at, coalesce(:url_ends_at, url_ends_at)),
    uploaded_at = iif(:has_uploaded_at, :uploaded_at, uploaded_at),
    etag = iif(:has_etag, :etag, etag),
    version_id = iif(:has_version_id, :version_id, version_id),
    multipart_upload_id = iif(:has_multipart_upload_id, :multipart_upload_id, multipart_upload_id),
    mismatches = iif(:has_mismatches, :mismatches, mismatches),
    deleting_at = iif(:has_deleting_at, :deleting_at, deleting_at),
    next_check_at = iif(:has_next_check_at, :next_check_at, next_check_at)
  WHERE id = :id AND state IN (SELECT value FROM json_each(:from))
    AND (NOT :has_expected_next_check_at OR next_check_at IS :expected_next_check_at)
    AND (NOT :has_expected_multipart_upload_id OR multipart_upload_id IS :expected_multipart_upload_id)
    AND (:state IS NOT 'uploaded' OR EXISTS (SELECT 1 FROM keys WHERE upload_id = :id AND wrapped_id IS NOT NULL))
  RETURNING *`;

export const EXTEND = `
  UPDATE uploads SET url_ends_at = max(url_ends_at, :url_ends_at) WHERE id = :id AND state = 'issued'
  RETURNING *`;

export const MAKE_DUE = `
  UPDATE uploads SET next_check_at = min(coalesce(next_check_at, :at), :at)
  WHERE id = :id AND state IN ('issued', 'expired') AND forgotten_at IS NULL
  RETURNING *`;

export { BURY, FORGET } from '../sql/endings.ts';

/** A forgotten slot that is `deleting` is on its way to a tombstone. */
export const PURGEABLE = `
  SELECT idempotency_id FROM uploads
  WHERE id = :id AND (state = 'deleted' OR (forgotten_at IS NOT NULL AND state IN ('expired', 'rejected')))
    AND NOT EXISTS (SELECT 1 FROM keys WHERE upload_id = :id AND wrapped_id IS NOT NULL)`;

/** Their bytes lie in `wrapped_keys`, whose rows stay. */
export const PURGE_KEYS = 'DELETE FROM keys WHERE upload_id = :id';

export const PURGE = 'DELETE FROM uploads WHERE id = :id';
