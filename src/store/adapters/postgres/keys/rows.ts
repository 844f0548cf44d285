import type { StoredKey } from '../../../port.ts';
import { fromCopy, fromKek } from '../../sql/wrapped.ts';
import type { Session } from '../connection.ts';

const PUT = `
  INSERT INTO keys (upload_id, generation, version_id, wrapper_id, kek_id, wrapped, created_at, copy_wrapper_id, copy_kek_id, copy_stale)
  VALUES (:upload_id, :generation, :version_id, :wrapper_id, :kek_id, :wrapped, :created_at, :copy_wrapper_id, :copy_kek_id, :copy_stale)`;

/**
 * What is overwritten stays in the file until the table is vacuumed. `id` is that of a slot whose row this transaction has locked in an
 * earlier statement: only so does this one see every generation that was added before.
 */
const DESTROY_ALL = `
  UPDATE keys SET wrapped = NULL, destroyed_at = :at WHERE upload_id = :id AND wrapped IS NOT NULL`;

/** A key as it was wrapped or found; `demandUsable` comes first. @param at when it was stored. */
export async function putKey(session: Session, uploadId: string, key: StoredKey, at: number): Promise<void> {
  const { generation, versionId, wrapped, copy } = key;
  await session.run(PUT, {
    upload_id: uploadId,
    generation,
    version_id: versionId,
    ...fromKek(wrapped),
    wrapped: wrapped.bytes,
    created_at: at,
    ...fromCopy(copy),
  });
}

/** Every generation of a slot's key. */
export async function destroyKeys(session: Session, uploadId: string, at: number): Promise<void> {
  await session.run(DESTROY_ALL, { id: uploadId, at });
}
