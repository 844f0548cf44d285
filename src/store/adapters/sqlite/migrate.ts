import type { Clock } from '../../../clock.ts';
import type { Migration } from '../../migrations/sqlite/index.ts';
import { StoreSchemaRefused } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { APPLIED, checksum, schemaState } from './schema-state.ts';

/** Applies what is missing, all in one write transaction: of two openers at once the second finds nothing left to do. */
export function migrate(connection: Connection, migrations: readonly Migration[], now: Clock): void {
  connection.transaction(() => {
    connection.exec(`CREATE TABLE IF NOT EXISTS schema_migrations (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL
    ) STRICT`);
    const state = schemaState(connection.prepare(APPLIED).all(), migrations);
    if (state.kind === 'newer') {
      throw new StoreSchemaRefused(
        `The store has migration ${state.migration}, which this version does not know: a newer version made it.`,
      );
    }
    if (state.kind === 'changed') {
      const { id, name } = state.migration;
      throw new StoreSchemaRefused(
        `Migration ${id} (${name}) is not the one that was applied to this store.`,
      );
    }
    const record = connection.prepare(
      'INSERT INTO schema_migrations (id, name, sha256, applied_at) VALUES (?, ?, ?, ?)',
    );
    for (const migration of state.pending) {
      connection.exec(migration.sql);
      record.run(migration.id, migration.name, checksum(migration), now());
    }
  });
}
