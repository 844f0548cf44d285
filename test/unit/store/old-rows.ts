import { fromUpload } from '../../../src/store/adapters/sql/rows.ts';
import type { Connection } from '../../../src/store/adapters/sqlite/connection.ts';
import type { Upload } from '../../../src/uploads/upload.ts';

/** A slot as it was stored before there were quotas. */
export function insertBeforeQuotas(connection: Connection, upload: Upload): void {
  const { charged_to: _later, ...row } = fromUpload(upload);
  const columns = Object.keys(row);
  const values = columns.map((column) => `:${column}`);
  connection.prepare(`INSERT INTO uploads (${columns.join(', ')}) VALUES (${values.join(', ')})`).run(row);
}
