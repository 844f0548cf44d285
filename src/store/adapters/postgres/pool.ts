import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { ClientBase, Pool, PoolConfig } from 'pg';
import type { PostgresStoreOptions } from './options.ts';
import type { Pg } from './package.ts';
import { TYPES } from './types.ts';

const KEEP_ALIVE_MS = 10_000;

/** @param sockets holds those that are open: what an end of the pool leaves behind can be destroyed. */
export function createPool(pg: Pg, options: PostgresStoreOptions, sockets: Set<Socket>): Pool {
  const { database, user, connections, timeouts } = options;
  // The types do not say that the pool waits for the promise.
  const prepare = (client: ClientBase): unknown => prepareSession(client, options);
  const config: PoolConfig = {
    database,
    user,
    // A function: else the driver would look into the environment and the user's home for one.
    password: () => passwordOf(options),
    ssl: tlsOf(options),
    application_name: options.applicationName ?? 'sealslot',
    max: connections,
    connectionTimeoutMillis: timeouts.connectMs,
    idleTimeoutMillis: timeouts.idleMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    types: TYPES,
    stream: () => {
      const socket = new Socket();
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      return socket;
    },
    onConnect: prepare,
  };
  const pool = new pg.Pool(config);
  // A connection that is lost while nobody uses it has left the pool; the next call gets another.
  pool.on('error', () => undefined);
  return pool;
}

/** All connections are in use, and none came back in time: no other host would help. */
export function isOfTurn(error: unknown): boolean {
  return error instanceof Error && error.message === 'timeout exceeded when trying to connect';
}

async function passwordOf({ password, passwordFile }: PostgresStoreOptions): Promise<string> {
  if (password !== undefined) return password.reveal();
  if (passwordFile === undefined) throw new Error('the server asks for a password, and none is configured');
  return (await readFile(passwordFile, 'utf8')).trim();
}

function tlsOf({ tls }: PostgresStoreOptions): PoolConfig['ssl'] {
  if (tls === undefined) return false;
  const { ca, client } = tls;
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(ca !== undefined && { ca }),
    ...(client && { cert: client.cert, key: client.key.reveal() }),
  };
}

/*
 * One statement, so one round trip. What the server, the role or the database set otherwise must not change what the adapter relies on:
 * above all, a commit that is acknowledged is flushed (invariant 1), and to the synchronous standbys, if the server has any.
 */
const PREPARE = `
  SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only,
    set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
      ELSE current_setting('synchronous_commit') END, false),
    set_config('client_encoding', 'UTF8', false),
    set_config('bytea_output', 'hex', false),
    set_config('plan_cache_mode', 'force_generic_plan', false),
    set_config('jit', 'off', false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('statement_timeout', $1, false),
    set_config('lock_timeout', $2, false),
    set_config('idle_in_transaction_session_timeout', $3, false)`;

/** After a failover the old primary may still answer, and the name may still lead to it. */
async function prepareSession(
  client: ClientBase,
  { timeouts, mayBeReadOnly = false }: PostgresStoreOptions,
): Promise<void> {
  // A listener of ours: the pool has none while it calls this, and an event without one ends the process.
  const lost = (): void => undefined;
  client.on('error', lost);
  try {
    const query = {
      text: PREPARE,
      values: [timeouts.statementMs, timeouts.lockMs, timeouts.wholeMs].map(String),
      query_timeout: timeouts.connectMs,
    };
    const { rows } = await client.query<{ read_only: boolean }>(query);
    if (rows[0]?.read_only !== false && !mayBeReadOnly) throw new Error('this server takes no writes now');
  } finally {
    client.off('error', lost);
  }
}
