import type { IdempotencyRecord } from '../../../port.ts';
import { toIdempotencyRecord } from '../../sql/rows.ts';
import { IDEMPOTENCY_COLUMNS } from '../columns.ts';
import type { Session } from '../connection.ts';

export type Identity = Pick<IdempotencyRecord, 'tenant' | 'principal' | 'key'>;

export const FIND = `
  SELECT ${IDEMPOTENCY_COLUMNS} FROM idempotency
  WHERE tenant = :tenant AND principal = :principal AND key = :key AND expires_at > :now`;

/** @param id of the record that a slot was made with. Another may have taken its place since, which stays. */
export const DROP_OF = `DELETE FROM idempotency WHERE id = :id AND :upload_id = ANY(string_to_array(upload_ids, ' '))`;

export const DROP_ENDED = `
  DELETE FROM idempotency WHERE id = ANY(ARRAY(
    SELECT id FROM idempotency WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED))`;

/** The record of this identity that has not ended at `now`. */
export async function findRecord(
  session: Session,
  { tenant, principal, key }: Identity,
  now: number,
): Promise<IdempotencyRecord | undefined> {
  const row = await session.get(FIND, { tenant, principal, key, now });
  return row && toIdempotencyRecord(row);
}
