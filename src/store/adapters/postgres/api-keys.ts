import type { ApiKeyStore } from '../../port.ts';
import { toApiKey } from '../sql/rows.ts';
import type { Connection } from './connection.ts';
import { gatheredById } from './gather.ts';

const COLUMNS = 'id, tenant, name, scopes, secret_hash, created_at, expires_at, revoked_at, last_used_at';

const INSERT = `
  INSERT INTO api_keys (${COLUMNS})
  VALUES (:id, :tenant, :name, :scopes, :secret_hash, :created_at, :expires_at, :revoked_at, :last_used_at)`;

export const FIND = `SELECT ${COLUMNS} FROM api_keys WHERE id = ANY(:ids::text[])`;

const LIST = `SELECT ${COLUMNS} FROM api_keys ORDER BY created_at, id`;

const REVOKE = 'UPDATE api_keys SET revoked_at = coalesce(revoked_at, :at) WHERE id = :id RETURNING id';

const TOUCH = 'UPDATE api_keys SET last_used_at = greatest(last_used_at, :at) WHERE id = :id';

export function postgresApiKeys(connection: Connection): ApiKeyStore {
  const find = gatheredById(connection, FIND, toApiKey);
  return {
    async insert({ id, tenant, name, scopes, secretHash, createdAt, expiresAt, revokedAt, lastUsedAt }) {
      await connection.one(INSERT, {
        ...{ id, tenant, name },
        scopes: scopes.join(' '),
        secret_hash: secretHash,
        created_at: createdAt,
        expires_at: expiresAt,
        revoked_at: revokedAt,
        last_used_at: lastUsedAt,
      });
    },
    find,
    list: async () => (await connection.one(LIST)).map(toApiKey),
    revoke: async (id, at) => (await connection.one(REVOKE, { id, at })).length > 0,
    async touch(id, at) {
      await connection.one(TOUCH, { id, at });
    },
  };
}
