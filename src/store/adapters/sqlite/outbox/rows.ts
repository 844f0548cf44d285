import type { OutboxMessage } from '../../../port.ts';
import type { Connection } from '../connection.ts';
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
