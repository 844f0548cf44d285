/*
 * How a slot is sent, what differed in a rejected one, when its key was forgotten; idempotency records of many slots; the outbox.
 *
 * Until now a forgotten slot was an expired one that is never looked at again. Such slots and tombstones are now looked at 90 days later,
 * when the job decides whether they may be purged. All other slots keep their time.
 *
 * `idempotency` gets a number, which its slots remember: so the purge of a slot finds its record without a search. `upload_ids` are ids with
 * a space between. The records have no reference to the slots, which a list cannot have.
 *
 * Of `outbox`, `seq` is the order of commits; ids only follow the clocks of those who made them. `waits` is 1 where an older message of the
 * same slot and webhook is pending: else each look for what is due would go over all that wait behind a receiver that is down. Of its
 * indexes, `outbox_due` serves the worker, `outbox_lines` the order of each line and the purge of a slot, `outbox_by_state`,
 * `outbox_by_tenant` and `outbox_by_tenant_state` lists, counts and replays, `outbox_delivered` what is dropped.
 */
const NOW = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`;
const PERIOD_MS = 90 * 86_400_000;

export const sql = `
ALTER TABLE uploads ADD COLUMN crc32c TEXT;
ALTER TABLE uploads ADD COLUMN crc64nvme TEXT
  CHECK ((sha256 IS NOT NULL) + (crc32c IS NOT NULL) + (crc64nvme IS NOT NULL) <= 1);
ALTER TABLE uploads ADD COLUMN method TEXT NOT NULL DEFAULT 'PUT' CHECK (method IN ('PUT', 'POST', 'multipart'));
ALTER TABLE uploads ADD COLUMN part_size INTEGER CHECK ((part_size IS NOT NULL) = (method = 'multipart'));
ALTER TABLE uploads ADD COLUMN multipart_upload_id TEXT CHECK (multipart_upload_id IS NULL OR method = 'multipart');
ALTER TABLE uploads ADD COLUMN mismatches TEXT;
ALTER TABLE uploads ADD COLUMN forgotten_at INTEGER CHECK (forgotten_at IS NULL OR state NOT IN ('issued', 'uploaded'));
ALTER TABLE uploads ADD COLUMN idempotency_id INTEGER;

UPDATE uploads SET forgotten_at = ${NOW}, next_check_at = ${NOW} + ${PERIOD_MS}
  WHERE state = 'expired' AND next_check_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM keys WHERE upload_id = uploads.id AND wrapped_id IS NOT NULL);
UPDATE uploads SET next_check_at = coalesce(deleted_at, ${NOW}) + ${PERIOD_MS}
  WHERE state = 'deleted' AND next_check_at IS NULL;

CREATE TABLE new_idempotency (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  principal TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  upload_ids TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  UNIQUE (tenant, principal, key)
) STRICT;
INSERT INTO new_idempotency (tenant, principal, key, request_hash, upload_ids, expires_at)
  SELECT tenant, principal, key, request_hash, upload_id, expires_at FROM idempotency ORDER BY rowid;
DROP TABLE idempotency;
ALTER TABLE new_idempotency RENAME TO idempotency;
CREATE INDEX idempotency_ends ON idempotency (expires_at);
UPDATE uploads SET idempotency_id = i.id FROM idempotency AS i WHERE uploads.id = i.upload_ids;

CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  webhook TEXT NOT NULL,
  upload_id TEXT NOT NULL,
  type TEXT NOT NULL,
  payload TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
  waits INTEGER NOT NULL CHECK (waits = 0 OR (waits = 1 AND state = 'pending')),
  attempts INTEGER NOT NULL,
  next_attempt_at INTEGER NOT NULL,
  last_failure TEXT,
  ended_at INTEGER CHECK ((ended_at IS NULL) = (state = 'pending'))
) STRICT;
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state = 'pending' AND waits = 0;
CREATE INDEX outbox_lines ON outbox (upload_id, tenant, webhook, state);
CREATE INDEX outbox_by_state ON outbox (state, id DESC);
CREATE INDEX outbox_by_tenant ON outbox (tenant, id DESC);
CREATE INDEX outbox_by_tenant_state ON outbox (tenant, state, id DESC);
CREATE INDEX outbox_delivered ON outbox (ended_at) WHERE state = 'delivered';
`;
