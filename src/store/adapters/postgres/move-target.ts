import type { PostgresConfig } from '../../../config/config.ts';
import { MoveRefused } from '../../errors.ts';
import { MIGRATIONS } from '../../migrations/postgres/index.ts';
import type { MoveTarget, TableProgress } from '../../move/port.ts';
import { MOVED_TABLES, type MovedTable } from '../../move/tables.ts';
import { integer, orNull, text } from '../sql/rows.ts';
import { storeOver } from '../postgres.ts';
import { Connection, type Session } from './connection.ts';
import { migrate } from './migrate.ts';
import { CREATE_MARK, readMark } from './move-mark.ts';
import { addRows, columnsOf, pageOf } from './move-rows.ts';
import { loadPg } from './package.ts';
import { optionsOf, placeOf, SERVING_PATTERN } from './settings.ts';

/** In the order of what is compared: what the progress was, and what it becomes. */
const ADVANCE = `
  UPDATE store_move_tables SET last_key = :last_key, rows = :rows, is_copied = :is_copied
  WHERE name = :name AND rows = :from_rows AND is_copied = 0 AND last_key IS NOT DISTINCT FROM :from_key::text`;

/** The sessions of a process that serves say so, and it asks for what is due every few seconds. */
const SERVING = `
  SELECT count(DISTINCT application_name) AS replicas FROM pg_stat_activity
  WHERE datname = current_database() AND application_name LIKE :serving`;

const NUMBERED = `
  SELECT c.relname AS name, a.attname AS column FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
  WHERE a.attidentity <> '' AND a.attrelid = to_regclass(:name)`;

/**
 * Opens a database for moving a store there, and makes or migrates its schema.
 * @param options `changes: false` leaves the schema as it is, for looking alone.
 * @throws PackageMissing, StoreSchemaRefused, DependencyUnavailable.
 */
export async function openPostgresTarget(
  config: PostgresConfig,
  { changes }: { changes: boolean },
): Promise<MoveTarget> {
  const connection = new Connection(await loadPg(), optionsOf(config, undefined));
  try {
    if (changes) await migrate(connection, MIGRATIONS, Date.now);
    return targetOver(connection, placeOf(config));
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function targetOver(connection: Connection, name: string): MoveTarget {
  return {
    name,
    store: storeOver(connection),
    columns: (table) => connection.read((session) => columnsOf(session, table)),
    page: (table, after, limit) => connection.read((session) => pageOf(session, table, after, limit)),
    mark: () => connection.read(readMark),
    servedBy: () =>
      connection.read(async (session) => {
        const row = await session.get(SERVING, { serving: SERVING_PATTERN });
        return integer(row ?? {}, 'replicas');
      }),
    occupied: () => connection.read(firstWithRows),
    begin: ({ id, other, begunAt }) =>
      connection.write(async (session) => {
        await session.script(CREATE_MARK);
        const table = await firstWithRows(session);
        if (table !== undefined) {
          throw new MoveRefused(`Move to an empty database: there are rows in ${table} of ${name}.`);
        }
        const values = { id, other, begun_at: begunAt };
        await session.run('INSERT INTO store_move VALUES (1, :id, :other, :begun_at, NULL)', values);
        for (const moved of MOVED_TABLES)
          await session.run('INSERT INTO store_move_tables VALUES (:name, NULL, 0, 0)', { name: moved.name });
      }),
    progress: (table) => connection.read((session) => progressOf(session, table)),
    add: (table, columns, rows, from, to) =>
      connection.write(async (session) => {
        const values = { name: table.name, ...noted(to), from_rows: from.rows, from_key: keyText(from) };
        // First: it waits for what another run has not committed yet.
        if ((await session.run(ADVANCE, values)) === 0) return false;
        await addRows(session, table, columns, rows);
        return true;
      }),
    alignNumbers: () => connection.read(alignNumbers),
    finish: (id, at) =>
      connection.write(async (session) => {
        const changed = await session.run('UPDATE store_move SET finished_at = :at WHERE id = :id', {
          id,
          at,
        });
        if (changed === 0) throw new MoveRefused(`Another move has begun in ${name} meanwhile.`);
      }),
    giveUp: (id) =>
      connection.write(async (session) => {
        await session.run('UPDATE store_move SET finished_at = NULL WHERE id = :id', { id });
      }),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** Also of a database without a schema. */
async function firstWithRows(session: Session): Promise<string | undefined> {
  for (const { name } of MOVED_TABLES) {
    if (!(await hasTable(session, name))) continue;
    if ((await session.get(`SELECT 1 AS one FROM ${name} LIMIT 1`)) !== undefined) return name;
  }
  return undefined;
}

async function hasTable(session: Session, name: string): Promise<boolean> {
  const row = await session.get('SELECT (to_regclass(:name) IS NOT NULL)::int AS has', { name });
  return integer(row ?? {}, 'has') === 1;
}

async function progressOf(session: Session, { name }: MovedTable): Promise<TableProgress> {
  const sql = 'SELECT last_key, rows, is_copied FROM store_move_tables WHERE name = :name';
  const row = (await session.get(sql, { name })) ?? {};
  const lastKey = orNull(text, row, 'last_key');
  return {
    after: lastKey === null ? undefined : (JSON.parse(lastKey) as (string | number)[]),
    rows: integer(row, 'rows'),
    isCopied: integer(row, 'is_copied') === 1,
  };
}

function noted(to: TableProgress) {
  return { last_key: keyText(to), rows: to.rows, is_copied: to.isCopied ? 1 : 0 };
}

function keyText({ after }: TableProgress): string | null {
  return after === undefined ? null : JSON.stringify(after);
}

async function alignNumbers(session: Session): Promise<void> {
  for (const { name } of MOVED_TABLES) {
    for (const row of await session.all(NUMBERED, { name })) {
      const column = text(row, 'column');
      await session.get(
        `SELECT setval(pg_get_serial_sequence('${name}', '${column}'), coalesce(max(${column}), 0) + 1, false) AS next FROM ${name}`,
      );
    }
  }
}
