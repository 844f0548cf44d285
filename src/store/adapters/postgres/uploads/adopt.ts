import type { Upload } from '../../../../uploads/upload.ts';
import { fromUpload } from '../../sql/rows.ts';
import type { Session } from '../connection.ts';
import { lockNames, placeLock } from '../locks.ts';
import { HAS_SLOT } from './sql.ts';
import { INSERT_UPLOAD } from './slots.ts';

/**
 * A slot of an object that was there before it; its keys are for the caller to put. Until the transaction's end nobody else makes a slot
 * of this object.
 * @param kin ids of slots that may have made the object.
 * @returns false, and nothing was written, when there is one already.
 */
export async function putFoundSlot(
  session: Session,
  upload: Upload,
  kin: readonly string[],
): Promise<boolean> {
  const { id, bucket, objectKey } = upload;
  await lockNames(session, [placeLock(bucket, objectKey), `slot ${id}`]);
  const place = { ids: [id, ...kin], id, bucket, object_key: objectKey };
  if ((await session.get(HAS_SLOT, place)) !== undefined) return false;
  await session.run(INSERT_UPLOAD, fromUpload(upload));
  return true;
}
