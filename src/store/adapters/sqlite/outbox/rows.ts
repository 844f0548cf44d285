import { MESSAGE_STATES, UPLOAD_EVENTS, type OutboxMessage, type QueuedMessage } from '../../../port.ts';
import type { Connection } from '../connection.ts';
import { integer, orNull, text, word, type Row } from '../rows.ts';
import { ADD } from './sql.ts';

/** The change to `outbox` that belongs to a slot's own transactions. */
export interface OutboxRows {
  add(messages: readonly OutboxMessage[]): void;
}

export function outboxRows(connection: Connection): OutboxRows {
  const add = connection.prepare(ADD);
  return {
    add(messages) {
      for (const { id, tenant, webhook, uploadId, type, payload, createdAt } of messages) {
        add.run({ id, tenant, webhook, upload_id: uploadId, type, payload, created_at: createdAt });
      }
    },
  };
}

export function toMessage(row: Row): QueuedMessage {
  return {
    id: text(row, 'id'),
    tenant: text(row, 'tenant'),
    webhook: text(row, 'webhook'),
    uploadId: text(row, 'upload_id'),
    type: word(row, 'type', UPLOAD_EVENTS),
    payload: text(row, 'payload'),
    createdAt: integer(row, 'created_at'),
    state: word(row, 'state', MESSAGE_STATES),
    attempts: integer(row, 'attempts'),
    nextAttemptAt: integer(row, 'next_attempt_at'),
    lastFailure: orNull(text, row, 'last_failure'),
    endedAt: orNull(integer, row, 'ended_at'),
  };
}
