import type { WrappedKey } from '../../../../custody/port.ts';
import type { StoredKey } from '../../../port.ts';
import { byPosition } from '../by-position.ts';
import type { Connection } from '../connection.ts';
import { usableGuard } from '../usable.ts';
import { keyBytes } from '../key-bytes.ts';
import { copyOf, fromCopy, fromKek } from '../../sql/wrapped.ts';
import { wrappedRows } from '../wrapped.ts';
import { INSERT_KEY } from './sql.ts';

/** The changes to `keys` that belong to a slot's own transactions. */
export interface KeyRows {
  /**
   * A key that was just wrapped.
   * @throws IntermediateGone, KekRetired when what wraps it was destroyed or retired meanwhile.
   */
  add(uploadId: string, generation: number, wrapped: WrappedKey, at: number, hasCopy: boolean): void;
  /** A key as it was found. */
  put(uploadId: string, key: StoredKey, at: number): void;
  destroyAll(uploadId: string, at: number): void;
}

export function keyRows(connection: Connection): KeyRows {
  const insert = byPosition(connection, INSERT_KEY);
  const ofSlot = wrappedRows(connection, 'keys', ['upload_id']);
  const bytesOf = keyBytes(connection);
  const demandUsable = usableGuard(connection);
  const rows: KeyRows = {
    add(uploadId, generation, wrapped, at, hasCopy) {
      demandUsable(wrapped);
      rows.put(uploadId, { generation, versionId: null, wrapped, copy: copyOf(wrapped, hasCopy) }, at);
    },
    put(uploadId, { generation, versionId, wrapped, copy }, at) {
      const place = { upload_id: uploadId, generation, version_id: versionId };
      const wrappedId = bytesOf.add(wrapped.bytes);
      insert.run({
        ...place,
        ...fromKek(wrapped),
        wrapped_id: wrappedId,
        created_at: at,
        ...fromCopy(copy),
      });
    },
    destroyAll(uploadId, at) {
      ofSlot.destroy({ upload_id: uploadId }, at);
    },
  };
  return rows;
}
