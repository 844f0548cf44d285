import type { OutboxMessage } from '../../../port.ts';
import type { Session } from '../connection.ts';
import { lineLock, lockNames } from '../locks.ts';

/** `seq` is given out in the order of commits within one line, whose lock the transaction has; more order is not needed. */
const ADD = `
  INSERT INTO outbox (id, tenant, webhook, upload_id, type, payload, created_at, state, waits, attempts, next_attempt_at)
  VALUES (:id, :tenant, :webhook, :upload_id, :type, :payload, :created_at, 'pending', (EXISTS (
    SELECT 1 FROM outbox WHERE upload_id = :upload_id AND tenant = :tenant AND webhook = :webhook AND state = 'pending'))::int,
    0, :created_at)`;

/** In the transaction that makes what they tell. */
export async function addMessages(session: Session, messages: readonly OutboxMessage[]): Promise<void> {
  await lockNames(
    session,
    messages.map(({ uploadId }) => lineLock(uploadId)),
  );
  for (const { id, tenant, webhook, uploadId, type, payload, createdAt } of messages)
    await session.run(ADD, {
      id,
      tenant,
      webhook,
      upload_id: uploadId,
      type,
      payload,
      created_at: createdAt,
    });
}
