import type { GrantStore } from '../../port.ts';
import type { Connection } from './connection.ts';
import { fromGrant, toGrant } from '../sql/grant-rows.ts';
import * as sql from './grants/sql.ts';

/** Sorts after every UUID. */
const AFTER_ALL = '~';

export function sqliteGrants(connection: Connection): GrantStore {
  const insert = connection.prepare(sql.INSERT);
  const get = connection.prepare(sql.GET);
  const list = connection.prepare(sql.LIST);
  const revoke = connection.prepare(sql.REVOKE);
  const dropEnded = connection.prepare(sql.DROP_ENDED);
  return {
    insert: (grant) =>
      connection.write(() => {
        insert.run(fromGrant(grant));
      }),
    get: (tenant, id) =>
      connection.read(() => {
        const row = get.get({ tenant, id });
        return row && toGrant(row);
      }),
    list: (tenant, { before = AFTER_ALL, limit }) =>
      connection.read(() => list.all({ tenant, before, limit }).map(toGrant)),
    revoke: (tenant, id, at) =>
      connection.write(() => {
        const row = revoke.get({ tenant, id, at });
        return row && toGrant(row);
      }),
    dropEnded: (before, limit) => connection.write(() => Number(dropEnded.run({ before, limit }).changes)),
  };
}
