/*
 * Grants. `content_types`, `methods` and `metadata` are JSON. That no grant is charged over its count stands in the table too, below what
 * the statement that charges sees to.
 *
 * Of the indexes, `grants_by_tenant` serves lists, `grants_ends` what is dropped.
 */
export const sql = `
CREATE TABLE grants (
  id TEXT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  created_by TEXT NOT NULL,
  count INTEGER NOT NULL,
  used INTEGER NOT NULL CHECK (used BETWEEN 0 AND count),
  max_size_bytes INTEGER,
  content_types TEXT,
  methods TEXT,
  prefix TEXT,
  metadata TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT;
CREATE INDEX grants_by_tenant ON grants (tenant, id DESC);
CREATE INDEX grants_ends ON grants (ends_at);
`;
