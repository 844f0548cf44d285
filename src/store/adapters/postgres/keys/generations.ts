import type { KeyStore } from '../../../port.ts';
import { integer, orNull, text, toUpload } from '../../sql/rows.ts';
import { copyOf } from '../../sql/wrapped.ts';
import { uploadColumns } from '../columns.ts';
import type { Connection } from '../connection.ts';
import { putFoundSlot } from '../uploads/adopt.ts';
import { demandUsable } from '../usable.ts';
import { wrappedRow } from '../wrapped.ts';
import { putKey } from './rows.ts';

const LAST_GENERATION = `
  SELECT coalesce(max(generation), 0) AS last FROM keys WHERE upload_id = :upload_id`;

/** Whoever adds a generation, or ends one, has the slot's row first: so the statements after this one see them all. */
const LOCK_SLOT =
  'SELECT generation, next_generation, state, version_id FROM uploads WHERE id = :id FOR NO KEY UPDATE';

/** A number is never given twice, not even when the generation that had it was given up: an object may still lie under its key. */
const BEGIN = `
  UPDATE uploads SET next_generation = :next_generation, url_ends_at = greatest(url_ends_at, :writes_until), next_check_at = :next_check_at
  WHERE id = :id AND state = 'uploaded' AND generation = :generation AND next_generation IS NULL
    AND :next_generation = 1 + (SELECT max(generation) FROM keys WHERE upload_id = :id)
  RETURNING ${uploadColumns()}`;

/** Before `ADVANCE`, which forgets the version: the generation that is superseded remembers it. */
const SUPERSEDE = `
  UPDATE keys SET version_id = :version_id WHERE upload_id = :upload_id AND generation = :generation`;

const ADVANCE = `
  UPDATE uploads SET generation = next_generation, next_generation = NULL, etag = :etag, version_id = :version_id,
    next_check_at = :next_check_at
  WHERE id = :id
  RETURNING ${uploadColumns()}`;

const GIVE_UP =
  'UPDATE uploads SET next_generation = NULL WHERE id = :upload_id AND next_generation = :generation';

/** What a re-key and a recovery change: slot and keys together. */
export function postgresGenerations(
  connection: Connection,
): Pick<KeyStore, 'lastGeneration' | 'begin' | 'advance' | 'destroy' | 'restore'> {
  const rows = wrappedRow('keys');
  return {
    async lastGeneration(uploadId) {
      const [row = {}] = await connection.one(LAST_GENERATION, { upload_id: uploadId });
      return integer(row, 'last');
    },
    begin: ({ id, generation, nextGeneration }, key, { now, writesUntil, nextCheckAt }, hasCopy) =>
      connection.write(async (session) => {
        await session.get(LOCK_SLOT, { id });
        const row = await session.get(BEGIN, {
          ...{ id, generation },
          next_generation: nextGeneration,
          writes_until: writesUntil,
          next_check_at: nextCheckAt,
        });
        if (row === undefined) return undefined;
        await demandUsable(session, [key]);
        const wrapped = { versionId: null, wrapped: key, copy: copyOf(key, hasCopy) };
        await putKey(session, id, { generation: nextGeneration, ...wrapped }, now);
        return toUpload(row);
      }),
    advance: ({ id, nextGeneration }, { etag, versionId, nextCheckAt }) =>
      connection.write(async (session) => {
        const slot = await session.get(LOCK_SLOT, { id });
        if (slot === undefined || text(slot, 'state') !== 'uploaded') return undefined;
        const next = orNull(integer, slot, 'next_generation');
        if (next === null || next !== nextGeneration) return undefined;
        await session.run(SUPERSEDE, {
          upload_id: id,
          generation: integer(slot, 'generation'),
          version_id: orNull(text, slot, 'version_id'),
        });
        const row = await session.get(ADVANCE, {
          ...{ id, etag },
          version_id: versionId,
          next_check_at: nextCheckAt,
        });
        return row && toUpload(row);
      }),
    destroy: ({ uploadId, generation }, at) =>
      connection.write(async (session) => {
        const slot = await session.get(LOCK_SLOT, { id: uploadId });
        if (slot === undefined || integer(slot, 'generation') === generation) return false;
        const key = { upload_id: uploadId, generation };
        if (!(await rows.destroy(session, key, at))) return false;
        await session.run(GIVE_UP, key);
        return true;
      }),
    restore: (upload, found, kin) =>
      connection.write(async (session) => {
        if (!(await putFoundSlot(session, upload, kin))) return false;
        await demandUsable(
          session,
          found.map(({ wrapped }) => wrapped),
        );
        for (const key of found) await putKey(session, upload.id, key, upload.createdAt);
        return true;
      }),
  };
}
