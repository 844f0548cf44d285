import type { CustodyStore } from '../../port.ts';
import type { Connection } from './connection.ts';
import { fromReplica, toReplica } from '../sql/replicas.ts';
import { fromKek } from '../sql/wrapped.ts';

const IS_NEEDED = `
  SELECT 1 FROM keys WHERE wrapped_id IS NOT NULL AND wrapper_id = :wrapper_id AND kek_id = :kek_id
  UNION ALL SELECT 1 FROM keys WHERE wrapped_id IS NOT NULL AND copy_wrapper_id = :wrapper_id AND copy_kek_id = :kek_id
  UNION ALL SELECT 1 FROM intermediate_keys WHERE wrapped_id IS NOT NULL
    AND ((wrapper_id = :wrapper_id AND kek_id = :kek_id) OR (copy_wrapper_id = :wrapper_id AND copy_kek_id = :kek_id))
  LIMIT 1`;

export function sqliteCustody(connection: Connection): CustodyStore {
  const announce = connection.prepare(
    `INSERT INTO replicas (id, wrappers, keks, announced_at) VALUES (:id, :wrappers, :keks, :announced_at)
     ON CONFLICT DO UPDATE SET wrappers = excluded.wrappers, keks = excluded.keks, announced_at = excluded.announced_at`,
  );
  const forget = connection.prepare('DELETE FROM replicas WHERE announced_at < ?');
  const withdraw = connection.prepare('DELETE FROM replicas WHERE id = ?');
  const replicas = connection.prepare('SELECT * FROM replicas WHERE announced_at >= ? ORDER BY id');
  const isNeeded = connection.prepare(IS_NEEDED);
  const retire = connection.prepare(
    'INSERT INTO retired_keks (wrapper_id, kek_id, retired_at) VALUES (:wrapper_id, :kek_id, :at) ON CONFLICT DO NOTHING',
  );
  return {
    announce: (replica, forgetBefore) =>
      connection.write(() => {
        announce.run(fromReplica(replica));
        forget.run(forgetBefore);
      }),
    withdraw: (id) =>
      connection.write(() => {
        withdraw.run(id);
      }),
    replicas: (since) => connection.read(() => replicas.all(since).map(toReplica)),
    retire: (kek, at) =>
      connection.write(() => {
        if (isNeeded.get(fromKek(kek))) return false;
        retire.run({ ...fromKek(kek), at });
        return true;
      }),
  };
}
