import { integer, text } from '../../sql/rows.ts';
import type { Session } from '../connection.ts';

const TABLES = [
  ...[
    'uploads',
    'keys',
    'intermediate_keys',
    'retired_keks',
    'replicas',
    'leases',
    'idempotency',
    'outbox',
    'grants',
  ],
  ...['announced', 'api_keys'],
];

/** Other programs call a table so too: of ours it has these columns. */
const FOREIGN = `
  SELECT (to_regclass('schema_migrations') IS NOT NULL AND 3 <> (SELECT count(*) FROM pg_attribute
    WHERE attrelid = to_regclass('schema_migrations') AND attname IN ('id', 'sha256', 'additive') AND NOT attisdropped))::int AS foreign`;

const MISSING = `
  SELECT privilege || ' on ' || name AS missing
  FROM unnest(:tables::text[]) AS name, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
  WHERE to_regclass(name) IS NOT NULL AND NOT has_table_privilege(to_regclass(name), privilege)
  UNION ALL
  SELECT 'SELECT on schema_migrations' WHERE to_regclass('schema_migrations') IS NOT NULL
    AND NOT has_table_privilege(to_regclass('schema_migrations'), 'SELECT')
  ORDER BY missing`;

/** Only the owner changes a table. Without a schema in the search path there is none to make tables in. */
const MAY_MIGRATE = `
  SELECT (coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AND coalesce((
    SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('schema_migrations')), true))::int AS may`;

export async function isForeign(session: Session): Promise<boolean> {
  return integer((await session.get(FOREIGN)) ?? {}, 'foreign') === 1;
}

export async function missingRights(session: Session): Promise<string[]> {
  const rows = await session.all(MISSING, { tables: TABLES });
  return rows.map((row) => text(row, 'missing'));
}

export async function mayMigrate(session: Session): Promise<boolean> {
  return integer((await session.get(MAY_MIGRATE)) ?? {}, 'may') === 1;
}
