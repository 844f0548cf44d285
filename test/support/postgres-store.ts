import { readFileSync } from 'node:fs';
import { Secret } from '../../src/secret.ts';
import {
  DEFAULT_CONNECTIONS,
  DEFAULT_TIMEOUTS,
  type PostgresStoreOptions,
} from '../../src/store/adapters/postgres.ts';
import { Connection } from '../../src/store/adapters/postgres/connection.ts';
import { loadPg } from '../../src/store/adapters/postgres/package.ts';
import type { Postgres, PostgresDatabase } from './postgres.ts';

/** Where it matters what comes of calls, not how long many wait for one another. */
export const PATIENT_TIMEOUTS = {
  ...DEFAULT_TIMEOUTS,
  connectMs: 20_000,
  lockMs: 20_000,
  statementMs: 30_000,
  wholeMs: 60_000,
};

/** How a store in this database is opened, over TLS. */
export function storeOptions(
  server: Postgres,
  database: PostgresDatabase,
  changes: Partial<PostgresStoreOptions> = {},
): PostgresStoreOptions {
  return {
    host: server.host,
    port: server.port,
    database: database.name,
    user: server.user,
    password: new Secret(server.password),
    tls: { ca: readFileSync(server.caFile, 'utf8') },
    connections: DEFAULT_CONNECTIONS,
    timeouts: DEFAULT_TIMEOUTS,
    ...changes,
  };
}

/** What a store works on, without one. */
export async function connectionTo(options: PostgresStoreOptions): Promise<Connection> {
  return new Connection(await loadPg(), options);
}
