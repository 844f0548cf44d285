/*
 * Today's state of all tables, as SQLite's migrations have made it; their comments say what the columns are for. Text is compared by its
 * bytes (`COLLATE "C"`), as SQLite does: then the order of ids is that of time whatever the database's locale. Times and sizes are
 * `bigint`, flags `smallint`, so that rows are read by the same code.
 *
 * A wrapped key is a column of its row. What is overwritten here stays on disk until vacuum, in the WAL and in backups: decision 24.
 *
 * `uploads_live` serves a list without state, `uploads_by_state` a list by state, `uploads_due` the background job, `uploads_open` and
 * `uploads_open_by_principal` the counts of open slots; the former also finds what has expired and is not noted as such yet. The rest is as
 * in SQLite.
 *
 * Both indexes of lists hold the id in the order of bytes under that order's other name: see `NEWEST_FIRST`.
 *
 * `rate_windows` counts requests, and is not logged: its rows are worth a minute, and may be lost.
 *
 * The settings of storage: what is updated in place without touching an index finds room on its page (`fillfactor`); queues are vacuumed
 * after a small share of their rows, since every look for what is due passes over the dead entries of its index.
 */
const QUEUE = `autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0`;

export const sql = `
CREATE TABLE uploads (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  tenant TEXT COLLATE "C" NOT NULL,
  principal TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('issued', 'uploaded', 'rejected', 'expired', 'deleting', 'deleted')),
  target TEXT COLLATE "C" NOT NULL,
  bucket TEXT COLLATE "C" NOT NULL,
  object_key TEXT COLLATE "C" NOT NULL,
  filename TEXT COLLATE "C",
  content_type TEXT COLLATE "C" NOT NULL,
  size BIGINT NOT NULL,
  sha256 TEXT COLLATE "C",
  crc32c TEXT COLLATE "C",
  crc64nvme TEXT COLLATE "C",
  method TEXT COLLATE "C" NOT NULL CHECK (method IN ('PUT', 'POST', 'multipart')),
  part_size BIGINT,
  multipart_upload_id TEXT COLLATE "C",
  metadata TEXT COLLATE "C" NOT NULL,
  expires_in_seconds BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  url_ends_at BIGINT NOT NULL,
  uploaded_at BIGINT,
  etag TEXT COLLATE "C",
  version_id TEXT COLLATE "C",
  mismatches TEXT COLLATE "C",
  generation BIGINT NOT NULL,
  next_generation BIGINT,
  deleting_at BIGINT,
  deleted_at BIGINT,
  forgotten_at BIGINT,
  next_check_at BIGINT,
  idempotency_id BIGINT,
  charged_to TEXT COLLATE "C",
  CHECK (num_nonnulls(sha256, crc32c, crc64nvme) <= 1),
  CHECK ((part_size IS NOT NULL) = (method = 'multipart')),
  CHECK (multipart_upload_id IS NULL OR method = 'multipart'),
  CHECK (forgotten_at IS NULL OR state NOT IN ('issued', 'uploaded'))
) WITH (fillfactor = 85, ${QUEUE});
CREATE UNIQUE INDEX uploads_live ON uploads (tenant, id COLLATE "POSIX") WHERE state <> 'deleted';
CREATE INDEX uploads_by_state ON uploads (tenant, state, id COLLATE "POSIX", expires_at);
CREATE INDEX uploads_due ON uploads (next_check_at, id) WHERE next_check_at IS NOT NULL;
CREATE INDEX uploads_open ON uploads (tenant, expires_at, id) WHERE state = 'issued';
CREATE INDEX uploads_open_by_principal ON uploads (tenant, charged_to, expires_at) WHERE state = 'issued';

CREATE TABLE keys (
  upload_id TEXT COLLATE "C" NOT NULL REFERENCES uploads (id),
  generation BIGINT NOT NULL,
  version_id TEXT COLLATE "C",
  wrapper_id TEXT COLLATE "C" NOT NULL,
  kek_id TEXT COLLATE "C" NOT NULL,
  wrapped BYTEA,
  created_at BIGINT NOT NULL,
  destroyed_at BIGINT,
  copy_wrapper_id TEXT COLLATE "C",
  copy_kek_id TEXT COLLATE "C",
  copy_stale SMALLINT NOT NULL DEFAULT 0,
  PRIMARY KEY (upload_id, generation),
  CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
  CHECK ((copy_wrapper_id IS NULL) = (copy_kek_id IS NULL)),
  CHECK (copy_stale = 0 OR (copy_stale = 1 AND copy_wrapper_id IS NOT NULL))
) WITH (fillfactor = 90, ${QUEUE});
CREATE INDEX keys_by_kek ON keys (wrapper_id, kek_id, upload_id, generation) WHERE wrapped IS NOT NULL;
CREATE INDEX keys_by_wrapper ON keys (wrapper_id, upload_id, generation) WHERE wrapped IS NOT NULL;
CREATE INDEX keys_by_copy ON keys (copy_wrapper_id, copy_kek_id, upload_id, generation)
  WHERE copy_wrapper_id IS NOT NULL AND wrapped IS NOT NULL;
CREATE INDEX keys_uncopied ON keys (upload_id, generation) WHERE copy_wrapper_id IS NULL AND wrapped IS NOT NULL;
CREATE INDEX keys_stale ON keys (upload_id, generation) WHERE copy_stale = 1 AND wrapped IS NOT NULL;

CREATE TABLE intermediate_keys (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  tenant TEXT COLLATE "C" NOT NULL,
  period TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  wrapper_id TEXT COLLATE "C" NOT NULL,
  kek_id TEXT COLLATE "C" NOT NULL,
  wrapped BYTEA,
  wraps_new SMALLINT NOT NULL,
  created_at BIGINT NOT NULL,
  destroyed_at BIGINT,
  copy_wrapper_id TEXT COLLATE "C",
  copy_kek_id TEXT COLLATE "C",
  copy_stale SMALLINT NOT NULL DEFAULT 0,
  UNIQUE (tenant, period, version),
  CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
  CHECK ((copy_wrapper_id IS NULL) = (copy_kek_id IS NULL)),
  CHECK (copy_stale = 0 OR (copy_stale = 1 AND copy_wrapper_id IS NOT NULL))
);
CREATE INDEX intermediate_keys_by_tenant ON intermediate_keys (tenant, id) WHERE wrapped IS NOT NULL;
CREATE INDEX intermediate_keys_by_kek ON intermediate_keys (wrapper_id, kek_id, copy_wrapper_id, copy_kek_id)
  WHERE wrapped IS NOT NULL;

CREATE TABLE retired_keks (
  wrapper_id TEXT COLLATE "C" NOT NULL,
  kek_id TEXT COLLATE "C" NOT NULL,
  retired_at BIGINT NOT NULL,
  PRIMARY KEY (wrapper_id, kek_id)
);

CREATE TABLE replicas (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  wrappers TEXT COLLATE "C" NOT NULL,
  keks TEXT COLLATE "C" NOT NULL,
  announced_at BIGINT NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE leases (
  name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  holder TEXT COLLATE "C" NOT NULL,
  ends_at BIGINT NOT NULL
) WITH (fillfactor = 50, ${QUEUE});
CREATE INDEX leases_ends ON leases (ends_at);

CREATE TABLE idempotency (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant TEXT COLLATE "C" NOT NULL,
  principal TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  request_hash BYTEA NOT NULL,
  upload_ids TEXT COLLATE "C" NOT NULL,
  expires_at BIGINT NOT NULL,
  UNIQUE (tenant, principal, key)
) WITH (${QUEUE});
CREATE INDEX idempotency_ends ON idempotency (expires_at);

CREATE TABLE outbox (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  tenant TEXT COLLATE "C" NOT NULL,
  webhook TEXT COLLATE "C" NOT NULL,
  upload_id TEXT COLLATE "C" NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  payload TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
  waits SMALLINT NOT NULL CHECK (waits = 0 OR (waits = 1 AND state = 'pending')),
  attempts BIGINT NOT NULL,
  next_attempt_at BIGINT NOT NULL,
  last_failure TEXT COLLATE "C",
  ended_at BIGINT CHECK ((ended_at IS NULL) = (state = 'pending'))
) WITH (fillfactor = 85, ${QUEUE});
CREATE INDEX outbox_due ON outbox (next_attempt_at, seq) WHERE state = 'pending' AND waits = 0;
CREATE INDEX outbox_lines ON outbox (upload_id, tenant, webhook, state);
CREATE INDEX outbox_by_state ON outbox (state, id);
CREATE INDEX outbox_by_tenant ON outbox (tenant, id);
CREATE INDEX outbox_by_tenant_state ON outbox (tenant, state, id);
CREATE INDEX outbox_delivered ON outbox (ended_at) WHERE state = 'delivered';

CREATE TABLE grants (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  tenant TEXT COLLATE "C" NOT NULL,
  created_by TEXT COLLATE "C" NOT NULL,
  count BIGINT NOT NULL,
  used BIGINT NOT NULL CHECK (used BETWEEN 0 AND count),
  max_size_bytes BIGINT,
  content_types TEXT COLLATE "C",
  methods TEXT COLLATE "C",
  prefix TEXT COLLATE "C",
  metadata TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  revoked_at BIGINT
) WITH (fillfactor = 70, ${QUEUE});
CREATE INDEX grants_by_tenant ON grants (tenant, id);
CREATE INDEX grants_ends ON grants (ends_at);

CREATE TABLE announced (
  tenant TEXT COLLATE "C" NOT NULL,
  principal TEXT COLLATE "C" NOT NULL,
  day BIGINT NOT NULL,
  bytes BIGINT NOT NULL CHECK (bytes >= 0),
  PRIMARY KEY (tenant, principal, day)
) WITH (fillfactor = 50, ${QUEUE});
CREATE INDEX announced_days ON announced (day);

CREATE UNLOGGED TABLE rate_windows (
  key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  count BIGINT NOT NULL,
  begun_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL
) WITH (fillfactor = 50, ${QUEUE});
CREATE INDEX rate_windows_ends ON rate_windows (ends_at);

CREATE TABLE api_keys (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  tenant TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  scopes TEXT COLLATE "C" NOT NULL,
  secret_hash BYTEA NOT NULL CHECK (length(secret_hash) = 32),
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT,
  last_used_at BIGINT
) WITH (fillfactor = 70);
`;
