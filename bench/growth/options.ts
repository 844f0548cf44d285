import { readFile } from 'node:fs/promises';
import { DEFAULT_TIMEOUTS, type PostgresStoreOptions } from '../../src/store/adapters/postgres.ts';
import { Secret } from '../../src/secret.ts';
import type { Postgres, PostgresDatabase } from '../../test/support/postgres.ts';

/** To open a store past the configuration. */
export async function optionsFor(
  { host, port, user, password, caFile }: Postgres,
  { name }: PostgresDatabase,
): Promise<PostgresStoreOptions> {
  return {
    ...{ host, port, user, database: name, connections: 4 },
    password: new Secret(password),
    tls: { ca: await readFile(caFile, 'utf8') },
    timeouts: DEFAULT_TIMEOUTS,
  };
}
