import type { Store } from '../port.ts';
import { MIGRATIONS } from '../migrations/postgres/index.ts';
import { postgresApiKeys } from './postgres/api-keys.ts';
import { Connection } from './postgres/connection.ts';
import { postgresCustody } from './postgres/custody.ts';
import { postgresGrants } from './postgres/grants.ts';
import { postgresIntermediates } from './postgres/intermediates.ts';
import { postgresKeys } from './postgres/keys.ts';
import { postgresLeases } from './postgres/leases.ts';
import { migrate } from './postgres/migrate.ts';
import { demandFinished } from './postgres/move-mark.ts';
import type { PostgresStoreOptions } from './postgres/options.ts';
import { postgresOutbox } from './postgres/outbox.ts';
import { loadPg } from './postgres/package.ts';
import { postgresRateLimits } from './postgres/rate-limits.ts';
import { postgresUploads } from './postgres/uploads.ts';

export { DEFAULT_CONNECTIONS, DEFAULT_TIMEOUTS, type PostgresStoreOptions } from './postgres/options.ts';

export { optionsOf } from './postgres/settings.ts';

/**
 * Opens, and creates or migrates, the store in one PostgreSQL database. Any number of processes may serve it.
 * @throws PackageMissing when `pg` is not installed.
 * @throws StoreSchemaRefused when the schema is not one this version can work with.
 * @throws StoreUnfinished while another store is being moved there.
 * @throws DependencyUnavailable when the server cannot be reached or takes no writes.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const connection = new Connection(await loadPg(), options);
  try {
    await connection.read(demandFinished);
    await migrate(connection, MIGRATIONS, options.now ?? Date.now);
    return storeOver(connection);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** The port over an open connection, which it closes at its end. */
export function storeOver(connection: Connection): Store {
  return {
    uploads: postgresUploads(connection),
    keys: postgresKeys(connection),
    intermediates: postgresIntermediates(connection),
    custody: postgresCustody(connection),
    outbox: postgresOutbox(connection),
    grants: postgresGrants(connection),
    apiKeys: postgresApiKeys(connection),
    leases: postgresLeases(connection),
    rateLimits: postgresRateLimits(connection),
    connections: () => connection.use,
    check: () =>
      connection.write(async (session) => {
        await session.get('SELECT id FROM uploads LIMIT 1');
      }),
    close: () => connection.close(),
  };
}
