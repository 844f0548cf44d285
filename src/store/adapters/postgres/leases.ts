import type { LeaseStore } from '../../port.ts';
import type { Connection } from './connection.ts';

const TAKE = `
  INSERT INTO leases (name, holder, ends_at) VALUES (:name, :holder, :until)
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at
    WHERE leases.holder = excluded.holder OR leases.ends_at <= :now
  RETURNING name`;

const RELEASE = 'DELETE FROM leases WHERE name = :name AND holder = :holder';

const DROP_ENDED = `
  DELETE FROM leases WHERE name = ANY(ARRAY(
    SELECT name FROM leases WHERE ends_at <= :now ORDER BY ends_at LIMIT :limit FOR UPDATE SKIP LOCKED))
  RETURNING name`;

export function postgresLeases(connection: Connection): LeaseStore {
  return {
    take: async (name, holder, now, until) =>
      (await connection.one(TAKE, { name, holder, now, until })).length === 1,
    async release(name, holder) {
      await connection.one(RELEASE, { name, holder });
    },
    dropEnded: async (now, limit) => (await connection.one(DROP_ENDED, { now, limit })).length,
  };
}
