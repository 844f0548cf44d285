/*
 * Processes that serve, each with what it has and when it said so, in place of the one that there could be; and leases on work that no row
 * of its own says who does.
 */
export const sql = `
DROP TABLE serving;
CREATE TABLE replicas (
  id TEXT NOT NULL PRIMARY KEY,
  wrappers TEXT NOT NULL,
  keks TEXT NOT NULL,
  announced_at INTEGER NOT NULL
) STRICT;
CREATE TABLE leases (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  ends_at INTEGER NOT NULL
) STRICT;
CREATE INDEX leases_ends ON leases (ends_at);
`;
