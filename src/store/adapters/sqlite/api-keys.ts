import type { ApiKeyStore } from '../../port.ts';
import type { Connection } from './connection.ts';
import { toApiKey } from '../sql/rows.ts';
import { onceATurn } from './once-a-turn.ts';

export function sqliteApiKeys(connection: Connection): ApiKeyStore {
  const insert = connection.prepare(
    `INSERT INTO api_keys (id, tenant, name, scopes, secret_hash, created_at, expires_at, revoked_at, last_used_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const find = connection.prepare('SELECT * FROM api_keys WHERE id = ?');
  const list = connection.prepare('SELECT * FROM api_keys ORDER BY created_at, id');
  const revoke = connection.prepare('UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?');
  const touch = connection.prepare(
    'UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?',
  );
  return {
    insert: (record) =>
      connection.write(() => {
        const { id, tenant, name, scopes, secretHash, createdAt, expiresAt, revokedAt, lastUsedAt } = record;
        insert.run(
          id,
          tenant,
          name,
          scopes.join(' '),
          secretHash,
          createdAt,
          expiresAt,
          revokedAt,
          lastUsedAt,
        );
      }),
    find: onceATurn((id) =>
      connection.read(() => {
        const row = find.get(id);
        return row && toApiKey(row);
      }),
    ),
    list: () => connection.read(() => list.all().map(toApiKey)),
    revoke: (id, at) => connection.write(() => revoke.run(at, id).changes !== 0),
    touch: (id, at) =>
      connection.write(() => {
        touch.run(at, id);
      }),
  };
}
