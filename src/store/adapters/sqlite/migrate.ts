import { createHash } from 'node:crypto';
import type { Clock } from '../../../clock.ts';
import type { Migration } from '../../migrations/index.ts';
import { StoreSchemaRefused } from '../../errors.ts';
import type { Connection } from './connection.ts';
import { integer, text } from './rows.ts';

/** Applies what is missing, all in one write transaction: of two openers at once the second finds nothing left to do. */
export function migrate(connection: Connection, migrations: readonly Migration[], now: Clock): void {
  connection.transaction(() => {
    connection.exec(`CREATE TABLE IF NOT EXISTS schema_migrations (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL
    ) STRICT`);
    const applied = new Map(
      connection
        .prepare('SELECT id, sha256 FROM schema_migrations')
        .all()
        .map((row) => [integer(row, 'id'), text(row, 'sha256')]),
    );
    const unknown = [...applied.keys()].find((id) => !migrations.some((migration) => migration.id === id));
    if (unknown !== undefined) {
      throw new StoreSchemaRefused(
        `The store has migration ${unknown}, which this version does not know: a newer version made it.`,
      );
    }
    const record = connection.prepare(
      'INSERT INTO schema_migrations (id, name, sha256, applied_at) VALUES (?, ?, ?, ?)',
    );
    for (const { id, name, sql } of migrations) {
      const sha256 = createHash('sha256').update(sql).digest('hex');
      const before = applied.get(id);
      if (before === undefined) {
        connection.exec(sql);
        record.run(id, name, sha256, now());
      } else if (before !== sha256) {
        throw new StoreSchemaRefused(
          `Migration ${id} (${name}) is not the one that was applied to this store.`,
        );
      }
    }
  });
}
