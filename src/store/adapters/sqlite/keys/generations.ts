import type { KeyStore } from '../../../port.ts';
import { byPosition } from '../by-position.ts';
import type { Connection } from '../connection.ts';
import { fromUpload, integer, toUpload } from '../../sql/rows.ts';
import { HAS_SLOT, INSERT_UPLOAD } from '../sql.ts';
import { usableGuard } from '../usable.ts';
import { wrappedRows } from '../wrapped.ts';
import { keyRows } from './rows.ts';
import * as sql from './sql.ts';

/** What a re-key and a recovery change: slot and keys together. */
export function sqliteGenerations(
  connection: Connection,
): Pick<KeyStore, 'lastGeneration' | 'begin' | 'advance' | 'destroy' | 'restore'> {
  const keys = keyRows(connection);
  const ofGeneration = wrappedRows(connection, 'keys', ['upload_id', 'generation']);
  const last = connection.prepare(sql.LAST_GENERATION);
  const begin = connection.prepare(sql.BEGIN);
  const supersede = connection.prepare(sql.SUPERSEDE);
  const advance = connection.prepare(sql.ADVANCE);
  const isCurrent = connection.prepare(sql.IS_CURRENT);
  const giveUp = connection.prepare(sql.GIVE_UP);
  const hasSlot = connection.prepare(HAS_SLOT);
  const demandUsable = usableGuard(connection);
  const insertUpload = byPosition(connection, INSERT_UPLOAD);
  return {
    lastGeneration: (uploadId) =>
      connection.read(() => integer(last.get({ upload_id: uploadId }) ?? {}, 'last')),
    begin: ({ id, generation, nextGeneration }, key, { now, writesUntil, nextCheckAt }, hasCopy) =>
      connection.write(() => {
        const row = begin.get({
          id,
          generation,
          next_generation: nextGeneration,
          writes_until: writesUntil,
          next_check_at: nextCheckAt,
        });
        if (row === undefined) return undefined;
        keys.add(id, nextGeneration, key, now, hasCopy);
        return toUpload(row);
      }),
    advance: ({ id, nextGeneration }, { etag, versionId, nextCheckAt }) =>
      connection.write(() => {
        if (supersede.run({ id, next_generation: nextGeneration }).changes === 0) return undefined;
        const row = advance.get({ id, etag, version_id: versionId, next_check_at: nextCheckAt });
        return row && toUpload(row);
      }),
    async destroy({ uploadId, generation }, at) {
      const key = { upload_id: uploadId, generation };
      const done = await connection.write(() => {
        if (isCurrent.get(key) || !ofGeneration.destroy(key, at)) return false;
        giveUp.run(key);
        return true;
      });
      if (done) connection.scrub();
      return done;
    },
    restore: (upload, found, kin) =>
      connection.write(() => {
        const { id, bucket, objectKey } = upload;
        const ids = JSON.stringify([id, ...kin]);
        if (hasSlot.get({ ids, id, bucket, object_key: objectKey })) return false;
        insertUpload.run(fromUpload(upload));
        for (const key of found) {
          demandUsable(key.wrapped);
          keys.put(id, key, upload.createdAt);
        }
        return true;
      }),
  };
}
