import { existsSync, realpathSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { Clock } from '../../../clock.ts';
import { StoreAbsent, StoreLocked } from '../../errors.ts';
import type { Store } from '../../port.ts';
import { MIGRATIONS } from '../../migrations/sqlite/index.ts';
import type { Column, MoveSource, RawRow } from '../../move/port.ts';
import type { MovedTable } from '../../move/tables.ts';
import { integer, text } from '../sql/rows.ts';
import { openingFailure } from '../sqlite.ts';
import { BUSY_TIMEOUT_MS, Connection, SQLITE, sqliteCode } from './connection.ts';
import { acquireLock } from './lock.ts';
import { migrate } from './migrate.ts';
import { eraseMark, readMark, writeMark } from './move-mark.ts';
import { createPrivate, openDatabase } from './open.ts';
import { storeOver } from './store-over.ts';

const KINDS: Readonly<Record<string, Column['kind']>> = { TEXT: 'text', INTEGER: 'integer', BLOB: 'bytes' };

/** What stands in `wrapped_keys` belongs to the row that names it. */
const WRAPPED = 'wrapped';
const WRAPPED_SQL = `(SELECT bytes FROM wrapped_keys WHERE id = t.wrapped_id) AS ${WRAPPED}`;

const SOME_KEYS = `
  SELECT upload_id, generation FROM keys WHERE wrapped_id IS NOT NULL ORDER BY random() LIMIT ?`;

/**
 * Opens a store that is there for moving it, and migrates its schema: nobody else has it open then, neither a service nor a command.
 * @throws StoreAbsent, StoreLocked, StoreSchemaRefused, DependencyUnavailable.
 */
export async function openSqliteSource(path: string, now: Clock = Date.now): Promise<MoveSource> {
  if (!existsSync(path)) throw new StoreAbsent(path, 'store.path');
  let lock: Disposable | undefined;
  let connection: Connection | undefined;
  try {
    const real = createPrivate(path);
    lock = acquireLock(real);
    connection = new Connection(openDatabase(real, { alone: true }));
    migrate(connection, MIGRATIONS, now);
    return sourceOver(real, connection, lock);
  } catch (error) {
    connection?.close();
    lock?.[Symbol.dispose]();
    throw sqliteCode(error) === SQLITE.BUSY ? new StoreLocked(path, 'process') : openingFailure(error, path);
  }
}

/**
 * Opens it for looking alone, also beside a service, and changes nothing.
 * @throws StoreAbsent, StoreSchemaRefused, DependencyUnavailable.
 */
export async function openSqliteSourceBeside(path: string): Promise<MoveSource> {
  if (!existsSync(path)) throw new StoreAbsent(path, 'store.path');
  let connection: Connection | undefined;
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    connection = new Connection(db);
    // What is no database says so only when it is read.
    readMark(connection);
    return sourceOver(realpathSync(path), connection, undefined);
  } catch (error) {
    connection?.close();
    throw openingFailure(error, path);
  }
}

function sourceOver(path: string, connection: Connection, lock: Disposable | undefined): MoveSource {
  const columnsOf = (table: MovedTable): Column[] =>
    connection
      .prepare(`SELECT name, type FROM pragma_table_info(?)`)
      .all(table.name)
      .map((row) => columnOf(text(row, 'name'), text(row, 'type')))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  const pages = new Map<string, ReturnType<Connection['prepare']>>();
  const pageOf = (table: MovedTable, isFirst: boolean) => {
    const name = `${table.name} ${isFirst}`;
    const statement = pages.get(name) ?? connection.prepare(pageSql(table, columnsOf(table), isFirst));
    pages.set(name, statement);
    return statement;
  };
  let store: Store | undefined;
  return {
    path,
    // Only of this version's schema.
    get store() {
      return (store ??= storeOver(connection, lock));
    },
    columns: (table) => connection.read(() => columnsOf(table)),
    count: (table) =>
      connection.read(() =>
        columnsOf(table).length === 0
          ? 0
          : integer(connection.prepare(`SELECT count(*) AS rows FROM ${table.name}`).get() ?? {}, 'rows'),
      ),
    page: (table, after, limit) =>
      connection.read(() => {
        const values: SQLInputValue[] = [...(after ?? []), limit];
        return pageOf(table, after === undefined).all(...values) as RawRow[];
      }),
    someKeys: (count) =>
      connection.read(() =>
        connection
          .prepare(SOME_KEYS)
          .all(count)
          .map((row) => ({ uploadId: text(row, 'upload_id'), generation: integer(row, 'generation') })),
      ),
    mark: () => connection.read(() => readMark(connection)),
    putMark: (mark) => connection.read(() => writeMark(connection, mark)),
    dropMark: () => connection.read(() => eraseMark(connection)),
    async [Symbol.asyncDispose]() {
      connection.close();
      lock?.[Symbol.dispose]();
    },
  };
}

function columnOf(name: string, type: string): Column {
  if (name === 'wrapped_id') return { name: WRAPPED, kind: 'bytes' };
  const kind = KINDS[type];
  if (kind === undefined) throw new Error(`no kind for the type ${type}`);
  return { name, kind };
}

/** Parameters: the key behind which the page begins, unless it is the first, and how many rows. */
function pageSql({ name, key }: MovedTable, columns: readonly Column[], isFirst: boolean): string {
  const selected = columns.map((column) => (column.name === WRAPPED ? WRAPPED_SQL : `t.${column.name}`));
  const by = key.map((column) => `t.${column}`).join(', ');
  const behind = isFirst ? '' : `WHERE (${by}) > (${key.map(() => '?').join(', ')})`;
  return `SELECT ${selected.join(', ')} FROM ${name} AS t ${behind} ORDER BY ${by} LIMIT ?`;
}
