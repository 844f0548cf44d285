import { MESSAGE_STATES, UPLOAD_EVENTS, type QueuedMessage } from '../../port.ts';
import { integer, orNull, text, word, type Row } from './rows.ts';

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
