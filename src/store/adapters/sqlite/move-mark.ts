import { StoreMoved } from '../../errors.ts';
import type { MoveMark } from '../../move/port.ts';
import { integer, orNull, text } from '../sql/rows.ts';
import type { Connection } from './connection.ts';

/** Only in a store that is moved: what a move notes is no part of the schema. */
const CREATE = `
  CREATE TABLE IF NOT EXISTS store_move (
    id TEXT NOT NULL PRIMARY KEY, other TEXT NOT NULL, begun_at INTEGER NOT NULL, finished_at INTEGER
  ) STRICT`;

const HAS_TABLE = `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'store_move'`;

export function readMark(connection: Pick<Connection, 'prepare'>): MoveMark | undefined {
  if (connection.prepare(HAS_TABLE).get() === undefined) return undefined;
  const row = connection.prepare('SELECT id, other, begun_at, finished_at FROM store_move').get();
  return (
    row && {
      id: text(row, 'id'),
      other: text(row, 'other'),
      begunAt: integer(row, 'begun_at'),
      finishedAt: orNull(integer, row, 'finished_at'),
    }
  );
}

/** In place of an earlier one. */
export function writeMark(connection: Connection, { id, other, begunAt, finishedAt }: MoveMark): void {
  connection.transaction(() => {
    connection.exec(CREATE);
    connection.exec('DELETE FROM store_move');
    connection
      .prepare('INSERT INTO store_move (id, other, begun_at, finished_at) VALUES (?, ?, ?, ?)')
      .run(id, other, begunAt, finishedAt);
  });
}

export function eraseMark(connection: Connection): void {
  connection.transaction(() => connection.exec('DROP TABLE IF EXISTS store_move'));
}

/** Two stores that both issue would split the truth. @throws StoreMoved. */
export function demandUnmoved(connection: Pick<Connection, 'prepare'>, path: string): void {
  const mark = readMark(connection);
  if (mark === undefined) return;
  const { other, finishedAt } = mark;
  throw finishedAt === null
    ? new StoreMoved(
        `The store ${path} is being moved to ${other}: finish that by \`sealslot migrate-store\`, or give it up by \`sealslot migrate-store --back\`.`,
      )
    : new StoreMoved(
        `The store ${path} has been moved to ${other}: serve from there. What was written there since is not in this file; docs/migrate-store.md says what goes back.`,
      );
}
