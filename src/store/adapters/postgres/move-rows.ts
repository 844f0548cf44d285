import type { Column, RawRow, RowKey } from '../../move/port.ts';
import type { MovedTable } from '../../move/tables.ts';
import { text } from '../sql/rows.ts';
import type { Session } from './connection.ts';

const KINDS: Readonly<Record<string, Column['kind']>> = {
  text: 'text',
  bigint: 'integer',
  smallint: 'integer',
  bytea: 'bytes',
};

const ARRAYS: Readonly<Record<Column['kind'], string>> = {
  text: 'text[]',
  integer: 'bigint[]',
  bytes: 'bytea[]',
};

const COLUMNS = `
  SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
  WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped ORDER BY attname COLLATE "C"`;

export async function columnsOf(session: Session, { name }: MovedTable): Promise<Column[]> {
  return (await session.all(COLUMNS, { name })).map((row) => {
    const type = text(row, 'type');
    const kind = KINDS[type];
    if (kind === undefined) throw new Error(`no kind for the type ${type}`);
    return { name: text(row, 'name'), kind };
  });
}

export async function pageOf(
  session: Session,
  table: MovedTable,
  after: RowKey | undefined,
  limit: number,
): Promise<RawRow[]> {
  const columns = (await columnsOf(session, table)).map(({ name }) => name).join(', ');
  const by = table.key.join(', ');
  const behind = `WHERE (${by}) > (${table.key.map((column) => `:${column}`).join(', ')})`;
  const sql = `SELECT ${columns} FROM ${table.name} ${after === undefined ? '' : behind} ORDER BY ${by} LIMIT :limit`;
  const key = Object.fromEntries(table.key.map((column, index) => [column, after?.[index] ?? null]));
  return (await session.all(sql, { ...key, limit })) as RawRow[];
}

/** One statement, one array a column: its text is the same however many rows there are. Numbers that the database would give are kept. */
export async function addRows(
  session: Session,
  { name }: MovedTable,
  columns: readonly Column[],
  rows: readonly RawRow[],
): Promise<void> {
  if (rows.length === 0) return;
  const names = columns.map((column) => column.name);
  const arrays = columns.map((column) => `:${column.name}::${ARRAYS[column.kind]}`);
  const values = names.map((column) => [column, rows.map((row) => row[column] ?? null)] as const);
  await session.run(
    `INSERT INTO ${name} (${names.join(', ')}) OVERRIDING SYSTEM VALUE
     SELECT ${names.join(', ')} FROM unnest(${arrays.join(', ')}) AS given (${names.join(', ')})`,
    Object.fromEntries(values),
  );
}
