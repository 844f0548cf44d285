import { StoreUnfinished } from '../../errors.ts';
import type { MoveMark } from '../../move/port.ts';
import { integer, orNull, text } from '../sql/rows.ts';
import type { Session } from './connection.ts';

/** Only in a store that was moved: what a move notes is no part of the schema. One row at most. */
export const CREATE_MARK = `
  CREATE TABLE IF NOT EXISTS store_move (
    one SMALLINT PRIMARY KEY CHECK (one = 1), id TEXT COLLATE "C" NOT NULL, other TEXT COLLATE "C" NOT NULL,
    begun_at BIGINT NOT NULL, finished_at BIGINT
  );
  CREATE TABLE IF NOT EXISTS store_move_tables (
    name TEXT COLLATE "C" PRIMARY KEY, last_key TEXT, rows BIGINT NOT NULL, is_copied SMALLINT NOT NULL
  )`;

const HAS_TABLE = `SELECT (to_regclass('store_move') IS NOT NULL)::int AS has`;

export async function readMark(session: Session): Promise<MoveMark | undefined> {
  if (integer((await session.get(HAS_TABLE)) ?? {}, 'has') === 0) return undefined;
  const row = await session.get('SELECT id, other, begun_at, finished_at FROM store_move');
  return (
    row && {
      id: text(row, 'id'),
      other: text(row, 'other'),
      begunAt: integer(row, 'begun_at'),
      finishedAt: orNull(integer, row, 'finished_at'),
    }
  );
}

/** A replica that served from half of a store would answer 404 for the other half. @throws StoreUnfinished. */
export async function demandFinished(session: Session): Promise<void> {
  const mark = await readMark(session);
  if (mark === undefined || mark.finishedAt !== null) return;
  throw new StoreUnfinished(
    `This database holds a part of the store ${mark.other}: \`sealslot migrate-store\` has not finished, or was taken back. Run it again, or use an empty database.`,
  );
}
