import { DatabaseSync } from 'node:sqlite';
import { storePath } from '../support/service.ts';
import type { RowCheck } from './history/world.ts';

/** The file is sound, and no row lacks its other half. */
export function sqliteRows(dir: string): RowCheck {
  const all = (sql: string): string[] => {
    using db = new DatabaseSync(storePath(dir), { readOnly: true });
    return db
      .prepare(sql)
      .all()
      .map((row) => String(Object.values(row)[0]));
  };
  return {
    keysWithoutSlot: async () =>
      all('SELECT upload_id FROM keys WHERE upload_id NOT IN (SELECT id FROM uploads)'),
    faults: async () => [
      ...all('PRAGMA integrity_check').filter((line) => line !== 'ok'),
      ...all('PRAGMA foreign_key_check'),
      ...all(`SELECT id FROM uploads WHERE state <> 'deleted'
        AND NOT EXISTS (SELECT 1 FROM keys WHERE upload_id = uploads.id AND wrapped_id IS NOT NULL)`),
    ],
  };
}
