import type { PostgresConfig } from '../../../config/config.ts';
import { isLoopback } from '../../../config/urls.ts';
import { SealslotError } from '../../../errors.ts';
import { StoreUnfinished } from '../../errors.ts';
import type { ServerFacts, ServerInspection, StoreState } from '../../inspection.ts';
import { MIGRATIONS, type PostgresMigration } from '../../migrations/postgres/index.ts';
import { Connection, type Session } from './connection.ts';
import { askDurability, askServer } from './inspect/server.ts';
import { isForeign } from './inspect/tables.ts';
import { countUsage } from './keys/usage.ts';
import { schemaState } from './migrate.ts';
import { demandFinished } from './move-mark.ts';
import type { PostgresStoreOptions } from './options.ts';
import { loadPg, type Pg } from './package.ts';
import { optionsOf, placeOf } from './settings.ts';

/** Looks at a store as a session of the service would find it, changes nothing and takes no lock. */
export async function inspectPostgresStore(
  store: PostgresConfig,
  migrations: readonly PostgresMigration[] = MIGRATIONS,
): Promise<ServerInspection> {
  const found = { kind: 'postgres', place: placeOf(store) } as const;
  try {
    const pg = await loadPg();
    // With one connection, so that what is asked of the session is asked of the same.
    const options = { ...optionsOf(store, undefined), connections: 1 };
    return { ...found, ...(await inspectBy(pg, options, migrations)) };
  } catch (error) {
    return { ...found, state: unreadable(error), usage: undefined, server: undefined };
  }
}

type Content = Pick<ServerInspection, 'state' | 'usage' | 'server'>;

async function inspectBy(
  pg: Pg,
  options: PostgresStoreOptions,
  migrations: readonly PostgresMigration[],
): Promise<Content> {
  const began = performance.now();
  const connection = await connect(pg, options);
  try {
    const connectMilliseconds = performance.now() - began;
    const isLocal = connection.host.startsWith('/') || isLoopback(connection.host);
    const asked = await connection.read(askServer);
    const state = await connection.read((session) => stateOf(session, migrations)).catch(unreadable);
    return {
      server: { connectMilliseconds, isLocal, ...asked },
      state,
      usage: hasUsage(state) ? await connection.apart(countUsage).catch(() => undefined) : undefined,
    };
  } finally {
    await connection.close();
  }
}

/** Where no host takes writes, to one that can be read. @throws DependencyUnavailable when there is none either. */
async function connect(pg: Pg, options: PostgresStoreOptions, mayBeReadOnly = false): Promise<Connection> {
  const connection = new Connection(pg, { ...options, mayBeReadOnly });
  try {
    await connection.read((session) => session.get('SELECT 1'));
    return connection;
  } catch (error) {
    await connection.close();
    if (mayBeReadOnly) throw error;
    return connect(pg, options, true);
  }
}

async function stateOf(session: Session, migrations: readonly PostgresMigration[]): Promise<StoreState> {
  if (await isForeign(session)) return { kind: 'foreign' };
  const state = await schemaState(session, migrations);
  const title = ({ id, name }: PostgresMigration) => `${id} (${name})`;
  switch (state.kind) {
    case 'newer':
      return state;
    case 'changed':
      return { kind: 'changed', migration: title(state.migration) };
    case 'known': {
      const { pending, beyond } = state;
      if (pending.length === migrations.length) return { kind: 'absent' };
      await demandFinished(session);
      if (pending.length === 0 && beyond > 0)
        return { kind: 'compatible', migration: migrations.length + beyond };
      return { kind: 'sound', applied: migrations.length - pending.length, pending: pending.map(title) };
    }
  }
}

function hasUsage(state: StoreState): boolean {
  return state.kind === 'compatible' || (state.kind === 'sound' && state.pending.length === 0);
}

function unreadable(error: unknown): StoreState {
  if (error instanceof StoreUnfinished) return { kind: 'moved', reason: error.message };
  const cause = error instanceof SealslotError && error.cause instanceof Error ? error.cause : error;
  return { kind: 'unreadable', reason: cause instanceof Error ? cause.message : String(cause) };
}

/**
 * Whether there are tables in the database, without making any.
 * @throws PackageMissing. @throws DependencyUnavailable when the server cannot be asked.
 */
export async function lookForPostgresStore(
  store: PostgresConfig,
): Promise<{ readonly isAbsent: boolean; readonly place: string }> {
  const connection = new Connection(await loadPg(), optionsOf(store, undefined));
  try {
    const state = await connection.read((session) => stateOf(session, MIGRATIONS));
    return { isAbsent: state.kind === 'absent', place: placeOf(store) };
  } finally {
    await connection.close();
  }
}

/** @throws PackageMissing. @throws DependencyUnavailable when the server cannot be asked. */
export async function askPostgresDurability(
  store: PostgresConfig,
): Promise<Pick<ServerFacts, 'fsync' | 'fullPageWrites' | 'synchronousCommit'>> {
  const connection = new Connection(await loadPg(), optionsOf(store, undefined));
  try {
    return await connection.read(askDurability);
  } finally {
    await connection.close();
  }
}
