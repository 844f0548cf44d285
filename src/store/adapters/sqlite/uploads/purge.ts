import type { Connection } from '../connection.ts';
import { idempotencyRows } from '../idempotency.ts';
import { PURGE_ENDED } from '../outbox/sql.ts';
import { integer, orNull } from '../../sql/rows.ts';
import { PURGE, PURGE_KEYS, PURGEABLE } from '../sql.ts';

/** To be called in a transaction. @returns false, and nothing was removed, when the slot may not be purged. */
export function purger(connection: Connection): (id: string) => boolean {
  const idempotent = idempotencyRows(connection);
  const purgeable = connection.prepare(PURGEABLE);
  const purgeEnded = connection.prepare(PURGE_ENDED);
  const purgeKeys = connection.prepare(PURGE_KEYS);
  const purge = connection.prepare(PURGE);
  return (id) => {
    const row = purgeable.get({ id });
    if (row === undefined) return false;
    const record = orNull(integer, row, 'idempotency_id');
    if (record !== null) idempotent.dropOf(record, id);
    purgeEnded.run({ id });
    purgeKeys.run({ id });
    purge.run({ id });
    return true;
  };
}
