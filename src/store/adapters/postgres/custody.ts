import type { CustodyStore } from '../../port.ts';
import { fromReplica, toReplica } from '../sql/replicas.ts';
import { fromKek } from '../sql/wrapped.ts';
import type { Connection } from './connection.ts';

const ANNOUNCE = `
  INSERT INTO replicas (id, wrappers, keks, announced_at) VALUES (:id, :wrappers, :keks, :announced_at)
  ON CONFLICT (id) DO UPDATE SET wrappers = excluded.wrappers, keks = excluded.keks, announced_at = excluded.announced_at`;

/** Those that another replica is dropping, or that speak up just now, are passed over. */
const FORGET = `
  DELETE FROM replicas WHERE id = ANY(ARRAY(
    SELECT id FROM replicas WHERE announced_at < :before FOR UPDATE SKIP LOCKED))`;

const WITHDRAW = 'DELETE FROM replicas WHERE id = :id';

const REPLICAS = `
  SELECT id, wrappers, keks, announced_at FROM replicas WHERE announced_at >= :since ORDER BY id`;

/**
 * Writers of keys have these tables until their commit, and wait while this transaction has them. So the statement after it sees every key
 * that there is, and whoever writes one afterwards sees that the KEK is retired. It waits no longer than `lock_timeout`: those behind it wait too.
 */
const KEEP_WRITERS_OUT = 'LOCK TABLE keys, intermediate_keys IN SHARE MODE';

const IS_NEEDED = `
  SELECT 1 AS one FROM keys WHERE wrapped IS NOT NULL AND wrapper_id = :wrapper_id AND kek_id = :kek_id
  UNION ALL SELECT 1 FROM keys WHERE wrapped IS NOT NULL AND copy_wrapper_id = :wrapper_id AND copy_kek_id = :kek_id
  UNION ALL SELECT 1 FROM intermediate_keys WHERE wrapped IS NOT NULL
    AND ((wrapper_id = :wrapper_id AND kek_id = :kek_id) OR (copy_wrapper_id = :wrapper_id AND copy_kek_id = :kek_id))
  LIMIT 1`;

const RETIRE = `
  INSERT INTO retired_keks (wrapper_id, kek_id, retired_at) VALUES (:wrapper_id, :kek_id, :at) ON CONFLICT DO NOTHING`;

export function postgresCustody(connection: Connection): CustodyStore {
  return {
    announce: (replica, forgetBefore) =>
      connection.write(async (session) => {
        await session.run(ANNOUNCE, fromReplica(replica));
        await session.run(FORGET, { before: forgetBefore });
      }),
    async withdraw(id) {
      await connection.one(WITHDRAW, { id });
    },
    replicas: async (since) => (await connection.one(REPLICAS, { since })).map(toReplica),
    retire: (kek, at) =>
      connection.write(async (session) => {
        await session.run(KEEP_WRITERS_OUT);
        if ((await session.get(IS_NEEDED, fromKek(kek))) !== undefined) return false;
        await session.run(RETIRE, { ...fromKek(kek), at });
        return true;
      }),
  };
}
