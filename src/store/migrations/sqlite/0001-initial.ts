/*
 * `keys` is a rowid table on purpose: in a WITHOUT ROWID table, rebalancing leaves stale copies of wrapped keys in the free space of
 * pages, which `secure_delete` does not reach.
 *
 * Every index serves one read path: `uploads_live` a list without state, `uploads_by_state` a list by state (it holds `expires_at` so
 * that "expired as of now" is decided inside the index), `uploads_due` the background job.
 */
export const sql = `
CREATE TABLE uploads (
  id TEXT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  principal TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('issued', 'uploaded', 'rejected', 'expired', 'deleting', 'deleted')),
  target TEXT NOT NULL,
  bucket TEXT NOT NULL,
  object_key TEXT NOT NULL,
  filename TEXT,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT,
  metadata TEXT NOT NULL,
  expires_in_seconds INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  url_ends_at INTEGER NOT NULL,
  uploaded_at INTEGER,
  etag TEXT,
  version_id TEXT,
  deleting_at INTEGER,
  deleted_at INTEGER,
  next_check_at INTEGER
) STRICT;
CREATE INDEX uploads_live ON uploads (tenant, id DESC) WHERE state <> 'deleted';
CREATE INDEX uploads_by_state ON uploads (tenant, state, id DESC, expires_at);
CREATE INDEX uploads_due ON uploads (next_check_at, id) WHERE next_check_at IS NOT NULL;

CREATE TABLE keys (
  upload_id TEXT NOT NULL REFERENCES uploads (id),
  generation INTEGER NOT NULL,
  version_id TEXT,
  wrapper_id TEXT NOT NULL,
  kek_id TEXT NOT NULL,
  wrapped BLOB,
  created_at INTEGER NOT NULL,
  destroyed_at INTEGER,
  PRIMARY KEY (upload_id, generation),
  CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
) STRICT;

CREATE TABLE idempotency (
  tenant TEXT NOT NULL,
  principal TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  upload_id TEXT NOT NULL REFERENCES uploads (id),
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, principal, key)
) STRICT;
CREATE INDEX idempotency_ends ON idempotency (expires_at);

CREATE TABLE api_keys (
  id TEXT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER
) STRICT;
`;
