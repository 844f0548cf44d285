import { integer, orNull } from '../../sql/rows.ts';
import type { Session } from '../connection.ts';
import { DROP_OF } from './idempotency.ts';
import * as sql from './sql.ts';

/** To be called in a transaction. @returns false, and nothing was removed, when the slot may not be purged. */
export async function purgeSlot(session: Session, id: string): Promise<boolean> {
  const row = await session.get(sql.PURGEABLE, { id });
  if (row === undefined || (await session.get(sql.HAS_LIVING_KEY, { id })) !== undefined) return false;
  const record = orNull(integer, row, 'idempotency_id');
  if (record !== null) await session.run(DROP_OF, { id: record, upload_id: id });
  await session.run(sql.PURGE_MESSAGES, { id });
  await session.run(sql.PURGE_KEYS, { id });
  await session.run(sql.PURGE, { id });
  return true;
}
