/*
 * Generations of keys, intermediate keys, and what is known of the copies outside the store; KEKs that were retired, and the wrappers of
 * the process that serves.
 *
 * The bytes of wrapped keys move to `wrapped_keys`, whose rows are appended, never deleted, and never grow: only so do they stay on their
 * page. When a row that grows makes SQLite move its neighbours to other pages, stale copies of these stay in the free space of pages,
 * which `secure_delete` does not reach. The pages of the old `keys` are zeroed as they are freed.
 *
 * The indexes on keys hold the living only. `keys_by_kek` serves pages by KEK and counts, `keys_by_wrapper` pages by wrapper whatever the
 * KEK, `keys_by_copy` keys without a copy and counts of copies, `keys_stale` keys whose copy is stale. `intermediate_keys_by_tenant`
 * serves a tenant's list, `intermediate_keys_by_kek` the counts. `uploads_live` is made anew as a unique index, as `id` is: so a join
 * from it to the keys needs no sort.
 */
export const sql = `
ALTER TABLE uploads ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE uploads ADD COLUMN next_generation INTEGER;
DROP INDEX uploads_live;
CREATE UNIQUE INDEX uploads_live ON uploads (tenant, id DESC) WHERE state <> 'deleted';

CREATE TABLE wrapped_keys (id INTEGER PRIMARY KEY, bytes BLOB) STRICT;
INSERT INTO wrapped_keys (id, bytes) SELECT rowid, wrapped FROM keys WHERE wrapped IS NOT NULL ORDER BY rowid;

CREATE TABLE new_keys (
  upload_id TEXT NOT NULL REFERENCES uploads (id),
  generation INTEGER NOT NULL,
  version_id TEXT,
  wrapper_id TEXT NOT NULL,
  kek_id TEXT NOT NULL,
  wrapped_id INTEGER REFERENCES wrapped_keys (id),
  created_at INTEGER NOT NULL,
  destroyed_at INTEGER,
  copy_wrapper_id TEXT,
  copy_kek_id TEXT,
  copy_stale INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (upload_id, generation),
  CHECK ((wrapped_id IS NULL) = (destroyed_at IS NOT NULL)),
  CHECK ((copy_wrapper_id IS NULL) = (copy_kek_id IS NULL)),
  CHECK (copy_stale = 0 OR (copy_stale = 1 AND copy_wrapper_id IS NOT NULL))
) STRICT;
INSERT INTO new_keys (upload_id, generation, version_id, wrapper_id, kek_id, wrapped_id, created_at, destroyed_at)
  SELECT upload_id, generation, version_id, wrapper_id, kek_id, iif(wrapped IS NULL, NULL, rowid), created_at, destroyed_at
  FROM keys ORDER BY rowid;
DROP TABLE keys;
ALTER TABLE new_keys RENAME TO keys;
CREATE INDEX keys_by_kek ON keys (wrapper_id, kek_id, upload_id, generation) WHERE wrapped_id IS NOT NULL;
CREATE INDEX keys_by_wrapper ON keys (wrapper_id, upload_id, generation) WHERE wrapped_id IS NOT NULL;
CREATE INDEX keys_by_copy ON keys (copy_wrapper_id, copy_kek_id, upload_id, generation) WHERE wrapped_id IS NOT NULL;
CREATE INDEX keys_stale ON keys (upload_id, generation) WHERE copy_stale = 1 AND wrapped_id IS NOT NULL;

CREATE TABLE intermediate_keys (
  id TEXT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  period TEXT NOT NULL,
  version INTEGER NOT NULL,
  wrapper_id TEXT NOT NULL,
  kek_id TEXT NOT NULL,
  wrapped_id INTEGER REFERENCES wrapped_keys (id),
  wraps_new INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  destroyed_at INTEGER,
  copy_wrapper_id TEXT,
  copy_kek_id TEXT,
  copy_stale INTEGER NOT NULL DEFAULT 0,
  UNIQUE (tenant, period, version),
  CHECK ((wrapped_id IS NULL) = (destroyed_at IS NOT NULL)),
  CHECK ((copy_wrapper_id IS NULL) = (copy_kek_id IS NULL)),
  CHECK (copy_stale = 0 OR (copy_stale = 1 AND copy_wrapper_id IS NOT NULL))
) STRICT;
CREATE INDEX intermediate_keys_by_tenant ON intermediate_keys (tenant, id) WHERE wrapped_id IS NOT NULL;
CREATE INDEX intermediate_keys_by_kek ON intermediate_keys (wrapper_id, kek_id, copy_wrapper_id, copy_kek_id)
  WHERE wrapped_id IS NOT NULL;

CREATE TABLE retired_keks (
  wrapper_id TEXT NOT NULL,
  kek_id TEXT NOT NULL,
  retired_at INTEGER NOT NULL,
  PRIMARY KEY (wrapper_id, kek_id)
) STRICT;
CREATE TABLE serving (id INTEGER PRIMARY KEY CHECK (id = 1), wrappers TEXT NOT NULL) STRICT;
`;
