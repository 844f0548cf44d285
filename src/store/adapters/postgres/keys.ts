import type { KeyStore } from '../../port.ts';
import { toStoredKey } from '../sql/key-rows.ts';
import { neededKeks, neededSql } from '../sql/needed-keks.ts';
import { toUpload } from '../sql/rows.ts';
import type { Connection } from './connection.ts';
import { postgresGenerations } from './keys/generations.ts';
import * as sql from './keys/sql.ts';
import { countUsage } from './keys/usage.ts';
import { demandUsable } from './usable.ts';
import { wrappedRow } from './wrapped.ts';

/** Sorts before every key. */
const BEFORE_ALL = { uploadId: '', generation: 0 };

export function postgresKeys(connection: Connection): KeyStore {
  const rows = wrappedRow('keys');
  return {
    async get(uploadId, generation) {
      const [row] = await connection.one(sql.GET_KEY, { upload_id: uploadId, generation });
      return row && toStoredKey(row);
    },
    all: async (uploadId) => (await connection.one(sql.ALL_KEYS, { upload_id: uploadId })).map(toStoredKey),
    async page({ after = BEFORE_ALL, limit, ...query }) {
      const { tenant, wrappedBy } = query;
      const found = await connection.one(sql.pageSql(query), {
        upload_id: after.uploadId,
        generation: after.generation,
        limit,
        ...(tenant !== undefined && { tenant }),
        ...(wrappedBy !== undefined && { wrapper_id: wrappedBy.wrapperId }),
        ...(wrappedBy?.kekId !== undefined && { kek_id: wrappedBy.kekId }),
      });
      return found.map((row) => ({ upload: toUpload(row), ...toStoredKey(row) }));
    },
    replace: (changes) =>
      connection.write(async (session) => {
        await demandUsable(
          session,
          changes.map(({ to }) => to),
        );
        const done: boolean[] = [];
        // One after the other: a batch is of one worker, which waits for its KEK for longer.
        for (const { uploadId, generation, from, to } of changes)
          done.push(await rows.replace(session, { upload_id: uploadId, generation }, from, to));
        return done;
      }),
    copied: ({ uploadId, generation }, of) =>
      connection.write((session) => rows.copied(session, { upload_id: uploadId, generation }, of)),
    usage: () => connection.apart(countUsage),
    neededKeks: () => neededKeks(neededSql('wrapped'), (text, values) => connection.one(text, values)),
    ...postgresGenerations(connection),
  };
}
