import type { OutboxStore } from '../../../port.ts';

/**
 * The statements on `outbox` but the one that adds. Each read is one index search without a sort; the integration test reads their plans.
 *
 * The pending messages of one slot to one webhook are a line, of which the first (by `seq`) does not wait. What decides it, another message
 * that comes, ends or comes back, happens under the lock of the slot's lines (`lineLock`), and what follows the lock in a statement of its
 * own sees all that happened under it before. `seq` is given out under it too, so within a line it is the order of the commits, although
 * a sequence is not: between lines there is none to keep.
 */
const columns = (table = 'outbox') =>
  [
    ...['id', 'tenant', 'webhook', 'upload_id', 'type', 'payload', 'created_at', 'state', 'attempts'],
    ...['next_attempt_at', 'last_failure', 'ended_at'],
  ]
    .map((column) => `${table}.${column}`)
    .join(', ');

const FIRST = `state = 'pending' AND waits = 0`;

/** Of several workers that ask at once each passes over what another is taking. */
export const CLAIM = `
  WITH due AS MATERIALIZED (
    SELECT seq, next_attempt_at FROM outbox WHERE ${FIRST} AND next_attempt_at <= :now AND NOT EXISTS (
      SELECT 1 FROM unnest(:busy_tenants::text[], :busy_webhooks::text[]) AS busy (tenant, webhook)
      WHERE busy.tenant = outbox.tenant AND busy.webhook = outbox.webhook)
    ORDER BY next_attempt_at, seq LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED)
  UPDATE outbox SET attempts = attempts + 1, next_attempt_at = :lease_until FROM due WHERE outbox.seq = due.seq
  RETURNING ${columns()}, outbox.seq, due.next_attempt_at AS came_at`;

export const NEXT = `SELECT next_attempt_at FROM outbox WHERE ${FIRST} ORDER BY next_attempt_at, seq LIMIT 1`;

/** It never changes, so it may be read before the lock that it names. */
export const SLOT_OF = 'SELECT upload_id FROM outbox WHERE id = :id';

export const NOTE = `
  UPDATE outbox SET state = :state, waits = CASE WHEN :state = 'pending' THEN waits ELSE 0 END, ended_at = :ended_at,
    last_failure = :last_failure, next_attempt_at = coalesce(:next_attempt_at, next_attempt_at)
  WHERE id = :id AND attempts = :attempts AND state = 'pending'
  RETURNING upload_id, tenant, webhook`;

export const LINE_UP = `
  WITH lines AS MATERIALIZED (
    SELECT n.upload_id, n.tenant, n.webhook, (
      SELECT min(seq) FROM outbox AS o
      WHERE o.upload_id = n.upload_id AND o.tenant = n.tenant AND o.webhook = n.webhook AND o.state = 'pending') AS first
    FROM (SELECT DISTINCT * FROM unnest(:upload_ids::text[], :tenants::text[], :webhooks::text[]) AS l (upload_id, tenant, webhook)) AS n)
  UPDATE outbox SET waits = (outbox.seq > lines.first)::int FROM lines
  WHERE outbox.upload_id = lines.upload_id AND outbox.tenant = lines.tenant AND outbox.webhook = lines.webhook
    AND outbox.state = 'pending' AND outbox.waits <> (outbox.seq > lines.first)::int`;

/** An operator's replay may touch more lines than the server has locks for: it keeps all other writers out, for a moment. */
export const ALONE = 'LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE';

const AGAIN = `
  UPDATE outbox SET state = 'pending', waits = 1, attempts = 0, next_attempt_at = :now, last_failure = NULL, ended_at = NULL`;
const TO_LINE_UP = 'RETURNING id, upload_id, tenant, webhook';

export const REPLAY = `${AGAIN} WHERE id = ANY(:ids::text[]) AND state <> 'pending' ${TO_LINE_UP}`;

/** One that waits for another may have had its time already. */
export const HASTEN = `
  UPDATE outbox SET next_attempt_at = least(next_attempt_at, :now) WHERE id = ANY(:ids::text[]) AND state = 'pending' RETURNING id`;

export const REPLAY_DEAD = `${AGAIN} WHERE state = 'dead' ${TO_LINE_UP}`;

export const REPLAY_DEAD_OF_TENANT = `${AGAIN} WHERE tenant = :tenant AND state = 'dead' ${TO_LINE_UP}`;

type ListQuery = Parameters<OutboxStore['list']>[0];

export function listSql({ tenant, state }: Pick<ListQuery, 'tenant' | 'state'>): string {
  const conditions = [
    ...(tenant === undefined ? [] : ['tenant = :tenant']),
    ...(state === undefined ? [] : ['state = :state']),
    'id < :before',
  ].join(' AND ');
  return `SELECT ${columns()} FROM outbox WHERE ${conditions} ORDER BY id DESC LIMIT :limit`;
}

export const DROP_DELIVERED = `
  DELETE FROM outbox WHERE seq = ANY(ARRAY(
    SELECT seq FROM outbox WHERE state = 'delivered' AND ended_at < :before ORDER BY ended_at LIMIT :limit FOR UPDATE SKIP LOCKED))
  RETURNING seq`;

export const COUNT = `
  SELECT (SELECT count(*) FROM outbox WHERE state = 'pending') AS pending, (SELECT count(*) FROM outbox WHERE state = 'dead') AS dead`;
