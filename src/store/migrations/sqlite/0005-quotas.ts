/*
 * What quotas count by. `charged_to` is the principal that a slot counts for: its own, or that which minted its grant. Of slots that are
 * there already only the open ones need it, for none that has ended becomes open again. The indexes hold the open slots only: one counts
 * those of a tenant, the other those of a principal.
 *
 * `announced` sums the sizes that were announced on a day of UTC, numbered from the epoch; `principal` is empty for the whole tenant.
 */
export const sql = `
ALTER TABLE uploads ADD COLUMN charged_to TEXT;
UPDATE uploads SET charged_to = coalesce(
  (SELECT created_by FROM grants WHERE grants.id = substr(uploads.principal, 7) AND uploads.principal LIKE 'grant:%'), principal)
  WHERE state = 'issued';
CREATE INDEX uploads_open ON uploads (tenant, expires_at) WHERE state = 'issued';
CREATE INDEX uploads_open_by_principal ON uploads (tenant, charged_to, expires_at) WHERE state = 'issued';

CREATE TABLE announced (
  tenant TEXT NOT NULL,
  principal TEXT NOT NULL,
  day INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (tenant, principal, day)
) STRICT;
CREATE INDEX announced_days ON announced (day);
`;
