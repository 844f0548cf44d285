import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../../clock.ts';
import { StoreSchemaRefused } from '../../errors.ts';
import type { PostgresMigration } from '../../migrations/postgres/index.ts';
import { integer, text, type Row } from '../sql/rows.ts';
import type { Connection, Session } from './connection.ts';
import { sqlState, unavailable } from './errors.ts';

/** What a store's schema is to a version with these migrations. */
export type SchemaState =
  /** `beyond` are those of a newer version, none of which stands in this one's way. */
  | { readonly kind: 'known'; readonly pending: readonly PostgresMigration[]; readonly beyond: number }
  /** A newer version has applied this migration, and it is not additive. */
  | { readonly kind: 'newer'; readonly migration: number }
  /** This migration is not the one that was applied. */
  | { readonly kind: 'changed'; readonly migration: PostgresMigration };

/** The advisory lock under which migrations are applied: `sealslot` in ASCII. */
const LOCK = '8315161637168213876';
/** How long an opener waits for another that applies migrations. */
const WAIT_MS = 60_000;
const LOOK_AGAIN_MS = 100;
/** A statement that waits for a table's lock stops all that come after it, so it gives up soon, and is tried again. */
const LOCK_MS = 1_000;

const TABLE = `CREATE TABLE IF NOT EXISTS schema_migrations (
  id BIGINT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, additive BOOLEAN NOT NULL, applied_at BIGINT NOT NULL)`;
const HAS_TABLE = `SELECT to_regclass('schema_migrations') IS NOT NULL AS has`;
const APPLIED = 'SELECT id, sha256, additive::int AS additive FROM schema_migrations';
const RECORD = `INSERT INTO schema_migrations (id, name, sha256, additive, applied_at)
  VALUES (:id, :name, :sha256, :additive, :applied_at)`;

/**
 * Applies what is missing. Of several openers at once one does, and the others wait for it.
 * @throws StoreSchemaRefused when a newer version has changed what this one relies on, or a migration is not the one that was applied.
 * @throws DependencyUnavailable also when another opener does not come to an end.
 */
export async function migrate(
  connection: Connection,
  migrations: readonly PostgresMigration[],
  now: Clock,
): Promise<void> {
  const state = await connection.read((session) => schemaState(session, migrations));
  if (demandKnown(state).length === 0) return;
  await connection.apart(async (session) => {
    await session.script(`SET statement_timeout = 0; SET lock_timeout = ${LOCK_MS}`);
    const until = Date.now() + WAIT_MS;
    await lock(session, until);
    // Another opener may have applied them meanwhile. The lock goes with the connection.
    for (const migration of demandKnown(await schemaState(session, migrations)))
      await untilUnlocked(until, () => apply(session, migration, now));
  });
}

export async function schemaState(
  session: Session,
  migrations: readonly PostgresMigration[],
): Promise<SchemaState> {
  const has = (await session.get(HAS_TABLE)) as { has?: unknown } | undefined;
  const rows = has?.has === true ? await session.all(APPLIED) : [];
  return compare(rows, migrations);
}

function compare(rows: readonly Row[], migrations: readonly PostgresMigration[]): SchemaState {
  const applied = new Map(rows.map((row) => [integer(row, 'id'), row]));
  const beyond = rows.filter((row) => !migrations.some(({ id }) => id === integer(row, 'id')));
  const inTheWay = beyond.find((row) => integer(row, 'additive') === 0);
  if (inTheWay !== undefined) return { kind: 'newer', migration: integer(inTheWay, 'id') };
  const isChanged = (migration: PostgresMigration): boolean => {
    const row = applied.get(migration.id);
    return row !== undefined && text(row, 'sha256') !== checksum(migration);
  };
  const changed = migrations.find(isChanged);
  if (changed !== undefined) return { kind: 'changed', migration: changed };
  return {
    kind: 'known',
    pending: migrations.filter(({ id }) => !applied.has(id)),
    beyond: beyond.length,
  };
}

function demandKnown(state: SchemaState): readonly PostgresMigration[] {
  if (state.kind === 'known') return state.pending;
  throw new StoreSchemaRefused(
    state.kind === 'newer'
      ? `The store has migration ${state.migration}, beside which this version cannot work: a newer version made it.`
      : `Migration ${state.migration.id} (${state.migration.name}) is not the one that was applied to this store.`,
  );
}

/**
 * Asked again and again, not waited for: a statement that waits holds a snapshot, for whose end `CREATE INDEX CONCURRENTLY` of the one
 * that has the lock would wait in turn.
 */
async function lock(session: Session, until: number): Promise<void> {
  const ask = `SELECT pg_try_advisory_lock(${LOCK})::int AS has`;
  while (integer((await session.get(ask)) ?? {}, 'has') === 0) {
    if (Date.now() >= until) throw unavailable(new Error('another opener still migrates the store'));
    await sleep(LOOK_AGAIN_MS);
  }
}

async function untilUnlocked(until: number, work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (sqlState(error) !== '55P03' || Date.now() >= until) throw error;
      await sleep(LOOK_AGAIN_MS);
    }
  }
}

async function apply(session: Session, migration: PostgresMigration, now: Clock): Promise<void> {
  const { id, name, additive } = migration;
  const record = () =>
    session.run(RECORD, { id, name, sha256: checksum(migration), additive, applied_at: now() });
  if (migration.kind === 'index') {
    await makeIndex(session, migration.index, migration.sql);
    await record();
    return;
  }
  await session.script('BEGIN');
  try {
    await session.script(`${TABLE}; ${migration.sql}`);
    await record();
    await session.script('COMMIT');
  } catch (error) {
    await session.script('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** What was broken off leaves an index behind that is kept up to date and never used. */
async function makeIndex(session: Session, index: string, sql: string): Promise<void> {
  const row = await session.get(
    'SELECT indisvalid::int AS valid FROM pg_index WHERE indexrelid = to_regclass(:index)',
    { index },
  );
  if (row !== undefined && integer(row, 'valid') === 1) return;
  if (row !== undefined) await session.script(`DROP INDEX CONCURRENTLY ${index}`);
  await session.script(sql);
}

function checksum({ sql }: PostgresMigration): string {
  return createHash('sha256').update(sql).digest('hex');
}
