import type { IdempotencyRecord } from '../../port.ts';
import type { Connection } from './connection.ts';
import { integer, toIdempotencyRecord } from '../sql/rows.ts';

export const DROP_ENDED = `
  DELETE FROM idempotency WHERE id IN (SELECT id FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`;

type Identity = Pick<IdempotencyRecord, 'tenant' | 'principal' | 'key'>;

export interface IdempotencyRows {
  /** The record of this identity that has not ended at `now`. */
  find(identity: Identity, now: number): IdempotencyRecord | undefined;
  /**
   * Puts the record in the place of an ended one, if any; a living one must have been looked for in the same transaction.
   * @returns its number.
   */
  claim(record: IdempotencyRecord): number;
  /** @param id the number of the record that the slot was made with. Another may have taken its place since, which stays. */
  dropOf(id: number, uploadId: string): void;
  dropEnded(now: number, limit: number): number;
}

export function idempotencyRows(connection: Connection): IdempotencyRows {
  const find = connection.prepare(
    'SELECT * FROM idempotency WHERE tenant = ? AND principal = ? AND key = ? AND expires_at > ?',
  );
  const claim = connection.prepare(
    `INSERT INTO idempotency (tenant, principal, key, request_hash, upload_ids, expires_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET request_hash = excluded.request_hash, upload_ids = excluded.upload_ids, expires_at = excluded.expires_at
     RETURNING id`,
  );
  const dropOf = connection.prepare(
    `DELETE FROM idempotency WHERE id = ? AND instr(' ' || upload_ids || ' ', ' ' || ? || ' ') > 0`,
  );
  const dropEnded = connection.prepare(DROP_ENDED);
  return {
    find({ tenant, principal, key }, now) {
      const row = find.get(tenant, principal, key, now);
      return row && toIdempotencyRecord(row);
    },
    claim({ tenant, principal, key, requestHash, uploadIds, expiresAt }) {
      const row = claim.get(tenant, principal, key, requestHash, uploadIds.join(' '), expiresAt);
      return integer(row ?? {}, 'id');
    },
    dropOf(id, uploadId) {
      dropOf.run(id, uploadId);
    },
    dropEnded: (now, limit) => Number(dropEnded.run(now, limit).changes),
  };
}
