import type { GrantStore } from '../../port.ts';
import { fromGrant, toGrant } from '../sql/grant-rows.ts';
import type { Connection } from './connection.ts';
import { gatheredById } from './gather.ts';

/** Sorts after every UUID. */
const AFTER_ALL = '~';

/** The statements on `grants` but the one that charges them. Each read is one index search without a sort. */
const COLUMNS = `id, tenant, created_by, count, used, max_size_bytes, content_types, methods, prefix, metadata, created_at, expires_at,
  ends_at, revoked_at`;

const INSERT = `
  INSERT INTO grants (${COLUMNS})
  VALUES (:id, :tenant, :created_by, :count, :used, :max_size_bytes, :content_types, :methods, :prefix, :metadata, :created_at,
    :expires_at, :ends_at, :revoked_at)`;

/** Of any tenant: an id is one row's, and `get` gives it to its tenant only. */
export const GET = `SELECT ${COLUMNS} FROM grants WHERE id = ANY(:ids::text[])`;

export const LIST = `
  SELECT ${COLUMNS} FROM grants WHERE tenant = :tenant AND id < :before ORDER BY id DESC LIMIT :limit`;

/** Whoever charges a grant holds its row until the slots are committed, so none is made after this has answered. */
const REVOKE = `
  UPDATE grants SET revoked_at = coalesce(revoked_at, :at) WHERE id = :id AND tenant = :tenant RETURNING ${COLUMNS}`;

export const DROP_ENDED = `
  DELETE FROM grants WHERE id = ANY(ARRAY(
    SELECT id FROM grants WHERE ends_at < :before ORDER BY ends_at LIMIT :limit FOR UPDATE SKIP LOCKED))
  RETURNING id`;

export function postgresGrants(connection: Connection): GrantStore {
  const find = gatheredById(connection, GET, toGrant);
  return {
    async insert(grant) {
      await connection.one(INSERT, fromGrant(grant));
    },
    async get(tenant, id) {
      const grant = await find(id);
      return grant?.tenant === tenant ? grant : undefined;
    },
    list: async (tenant, { before = AFTER_ALL, limit }) =>
      (await connection.one(LIST, { tenant, before, limit })).map(toGrant),
    async revoke(tenant, id, at) {
      const [row] = await connection.one(REVOKE, { tenant, id, at });
      return row && toGrant(row);
    },
    dropEnded: async (before, limit) => (await connection.one(DROP_ENDED, { before, limit })).length,
  };
}
