import type { LeaseStore } from '../../port.ts';
import type { Connection } from './connection.ts';

export const TAKE = `
  INSERT INTO leases (name, holder, ends_at) VALUES (:name, :holder, :until)
  ON CONFLICT DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at
    WHERE leases.holder = excluded.holder OR leases.ends_at <= :now`;

export const DROP_ENDED_LEASES =
  'DELETE FROM leases WHERE name IN (SELECT name FROM leases WHERE ends_at <= :now LIMIT :limit)';

export function sqliteLeases(connection: Connection): LeaseStore {
  const take = connection.prepare(TAKE);
  const release = connection.prepare('DELETE FROM leases WHERE name = :name AND holder = :holder');
  const dropEnded = connection.prepare(DROP_ENDED_LEASES);
  return {
    take: (name, holder, now, until) =>
      connection.write(() => Number(take.run({ name, holder, now, until }).changes) === 1),
    release: (name, holder) =>
      connection.write(() => {
        release.run({ name, holder });
      }),
    dropEnded: (now, limit) => connection.write(() => Number(dropEnded.run({ now, limit }).changes)),
  };
}
