import type { KeyStore } from '../../port.ts';
import { byPosition } from './by-position.ts';
import type { Connection } from './connection.ts';
import { usableGuard } from './usable.ts';
import { sqliteGenerations } from './keys/generations.ts';
import { toStoredKey } from '../sql/key-rows.ts';
import * as sql from './keys/sql.ts';
import { neededKeks, neededSql } from '../sql/needed-keks.ts';
import { toUsage } from '../sql/usage.ts';
import { toUpload } from '../sql/rows.ts';
import { wrappedRows } from './wrapped.ts';

/** Sorts before every key. */
const BEFORE_ALL = { uploadId: '', generation: 0 };

export function sqliteKeys(connection: Connection): KeyStore {
  const get = byPosition(connection, sql.GET_KEY);
  const all = connection.prepare(sql.ALL_KEYS);
  const usage = connection.prepare(sql.USAGE);
  const ofGeneration = wrappedRows(connection, 'keys', ['upload_id', 'generation']);
  const demandUsable = usableGuard(connection);
  return {
    get: (uploadId, generation) =>
      connection.read(() => {
        const row = get.get({ upload_id: uploadId, generation });
        return row && toStoredKey(row);
      }),
    all: (uploadId) => connection.read(() => all.all({ upload_id: uploadId }).map(toStoredKey)),
    page: ({ after = BEFORE_ALL, limit, ...query }) =>
      connection.read(() => {
        const { tenant, wrappedBy } = query;
        return connection
          .prepare(sql.pageSql(query))
          .all({
            upload_id: after.uploadId,
            generation: after.generation,
            limit,
            ...(tenant !== undefined && { tenant }),
            ...(wrappedBy !== undefined && { wrapper_id: wrappedBy.wrapperId }),
            ...(wrappedBy?.kekId !== undefined && { kek_id: wrappedBy.kekId }),
          })
          .map((row) => ({ upload: toUpload(row), ...toStoredKey(row) }));
      }),
    async replace(changes) {
      const done = await connection.write(() =>
        changes.map(({ uploadId, generation, from, to }) => {
          demandUsable(to);
          return ofGeneration.replace({ upload_id: uploadId, generation }, from, to);
        }),
      );
      if (done.includes(true)) connection.scrub();
      return done;
    },
    copied: ({ uploadId, generation }, of) =>
      connection.write(() => ofGeneration.copied({ upload_id: uploadId, generation }, of)),
    usage: () => connection.read(() => toUsage(usage.all())),
    neededKeks: () =>
      neededKeks(neededSql('wrapped_id'), (text, values) =>
        connection.read(() => connection.prepare(text).all(values)),
      ),
    ...sqliteGenerations(connection),
  };
}
