import type { Connection } from './connection.ts';

/**
 * The rows of `wrapped_keys`. They are appended, never deleted, and never grow, so that no byte of a key is ever moved to another page:
 * SQLite leaves stale copies behind where it moves rows, which `secure_delete` does not reach.
 */
export interface KeyBytes {
  /** @returns the id of the row. */
  add(bytes: Uint8Array): number;
  /** @returns the id of the row that holds the new bytes: a new one when they do not fit into the old. */
  replace(id: number, bytes: Uint8Array): number;
  erase(id: number): void;
}

export function keyBytes(connection: Connection): KeyBytes {
  const insert = connection.prepare('INSERT INTO wrapped_keys (bytes) VALUES (?)');
  const overwrite = connection.prepare(
    'UPDATE wrapped_keys SET bytes = zeroblob(length(bytes)) WHERE id = ?',
  );
  const write = connection.prepare(
    'UPDATE wrapped_keys SET bytes = :bytes WHERE id = :id AND length(bytes) >= length(:bytes)',
  );
  const end = connection.prepare('UPDATE wrapped_keys SET bytes = NULL WHERE id = ?');
  const rows: KeyBytes = {
    add: (bytes) => Number(insert.run(bytes).lastInsertRowid),
    replace(id, bytes) {
      overwrite.run(id);
      if (write.run({ id, bytes }).changes !== 0) return id;
      end.run(id);
      return rows.add(bytes);
    },
    erase(id) {
      overwrite.run(id);
      end.run(id);
    },
  };
  return rows;
}
