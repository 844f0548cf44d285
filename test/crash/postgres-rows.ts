import { postgresStore, type Postgres, type PostgresDatabase } from '../support/postgres.ts';
import type { RowCheck } from './history/world.ts';

/** Every index agrees with its table as far as a scan of it shows, and no row lacks its other half. */
export function postgresRows(database: PostgresDatabase): RowCheck {
  const all = async (sql: string): Promise<string[]> =>
    (await database.query(sql)).map((row) => String(Object.values(row)[0]));
  return {
    keysWithoutSlot: () => all('SELECT upload_id FROM keys WHERE upload_id NOT IN (SELECT id FROM uploads)'),
    faults: () =>
      all(`SELECT id FROM uploads WHERE state <> 'deleted'
        AND NOT EXISTS (SELECT 1 FROM keys WHERE upload_id = uploads.id AND wrapped IS NOT NULL)`),
  };
}

/** A machine that is busy with other things is no outage: the service waits longer than by default before it says 503. */
export function patientStore(database: PostgresDatabase, server: Postgres): string {
  const timeouts = [
    ...['connectMilliseconds: 10000', 'lockMilliseconds: 10000'],
    ...['statementMilliseconds: 20000', 'callMilliseconds: 30000'],
  ];
  return postgresStore(database, server, { timeouts: `{ ${timeouts.join(', ')} }` });
}
