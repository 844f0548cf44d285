import type { WrappedKey } from '../../../custody/port.ts';
import type { KeyStore } from '../../port.ts';
import type { Connection } from './connection.ts';
import { bytes, integer, text } from './rows.ts';

export function sqliteKeys(connection: Connection): KeyStore {
  const newest = connection.prepare(
    'SELECT generation, wrapper_id, kek_id, wrapped FROM keys WHERE upload_id = ? ORDER BY generation DESC LIMIT 1',
  );
  return {
    current: (uploadId) =>
      connection.read(() => {
        const row = newest.get(uploadId);
        if (row === undefined || row['wrapped'] === null) return undefined;
        return {
          generation: integer(row, 'generation'),
          wrapped: {
            wrapperId: text(row, 'wrapper_id'),
            kekId: text(row, 'kek_id'),
            bytes: bytes(row, 'wrapped'),
          },
        };
      }),
  };
}

/** The changes to `keys` that belong to a slot's own transactions. */
export interface KeyRows {
  insertFirst(uploadId: string, key: WrappedKey, at: number): void;
  destroyAll(uploadId: string, at: number): void;
}

export function keyRows(connection: Connection): KeyRows {
  const insert = connection.prepare(
    'INSERT INTO keys (upload_id, generation, wrapper_id, kek_id, wrapped, created_at) VALUES (?, 1, ?, ?, ?, ?)',
  );
  const overwrite = connection.prepare(
    'UPDATE keys SET wrapped = zeroblob(length(wrapped)) WHERE upload_id = ? AND wrapped IS NOT NULL',
  );
  const mark = connection.prepare(
    'UPDATE keys SET wrapped = NULL, destroyed_at = ? WHERE upload_id = ? AND wrapped IS NOT NULL',
  );
  return {
    insertFirst(uploadId, key, at) {
      insert.run(uploadId, key.wrapperId, key.kekId, key.bytes, at);
    },
    destroyAll(uploadId, at) {
      overwrite.run(uploadId);
      mark.run(at, uploadId);
    },
  };
}
