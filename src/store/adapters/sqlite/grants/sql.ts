/** The statements on `grants`. Each read is one index search without a sort; the unit test reads their query plans. */

export const INSERT = `
  INSERT INTO grants (id, tenant, created_by, count, used, max_size_bytes, content_types, methods, prefix, metadata, created_at,
    expires_at, ends_at, revoked_at)
  VALUES (:id, :tenant, :created_by, :count, :used, :max_size_bytes, :content_types, :methods, :prefix, :metadata, :created_at,
    :expires_at, :ends_at, :revoked_at)`;

export const GET = 'SELECT * FROM grants WHERE id = :id AND tenant = :tenant';

/** `INDEXED BY`: the primary key has the order too, and would go over all tenants. */
export const LIST = `
  SELECT * FROM grants INDEXED BY grants_by_tenant WHERE tenant = :tenant AND id < :before ORDER BY id DESC LIMIT :limit`;

export const REVOKE = `
  UPDATE grants SET revoked_at = coalesce(revoked_at, :at) WHERE id = :id AND tenant = :tenant RETURNING *`;

/** Of two that charge at once, the second sees what the first has left: both are write transactions. */
export const CHARGE = `
  UPDATE grants SET used = used + :slots
  WHERE id = :id AND tenant = :tenant AND revoked_at IS NULL AND expires_at > :now AND used + :slots <= count`;

export const DROP_ENDED = `
  DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE ends_at < :before ORDER BY ends_at LIMIT :limit)`;
