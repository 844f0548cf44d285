import type { IdempotencyRecord } from '../../port.ts';
import type { Connection } from './connection.ts';
import { toIdempotencyRecord } from './rows.ts';

type Identity = Pick<IdempotencyRecord, 'tenant' | 'principal' | 'key'>;

export interface IdempotencyRows {
  /** The record of this identity that has not ended at `now`. */
  find(identity: Identity, now: number): IdempotencyRecord | undefined;
  /** Puts the record in the place of an ended one, if any; a living one must have been looked for in the same transaction. */
  claim(record: IdempotencyRecord): void;
  dropEnded(now: number): number;
}

export function idempotencyRows(connection: Connection): IdempotencyRows {
  const find = connection.prepare(
    'SELECT * FROM idempotency WHERE tenant = ? AND principal = ? AND key = ? AND expires_at > ?',
  );
  const claim = connection.prepare(
    `INSERT INTO idempotency (tenant, principal, key, request_hash, upload_id, expires_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET request_hash = excluded.request_hash, upload_id = excluded.upload_id, expires_at = excluded.expires_at`,
  );
  const dropEnded = connection.prepare('DELETE FROM idempotency WHERE expires_at <= ?');
  return {
    find({ tenant, principal, key }, now) {
      const row = find.get(tenant, principal, key, now);
      return row && toIdempotencyRecord(row);
    },
    claim({ tenant, principal, key, requestHash, uploadId, expiresAt }) {
      claim.run(tenant, principal, key, requestHash, uploadId, expiresAt);
    },
    dropEnded: (now) => Number(dropEnded.run(now).changes),
  };
}
