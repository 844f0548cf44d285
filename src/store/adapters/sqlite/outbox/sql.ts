import type { OutboxStore } from '../../../port.ts';

/** The statements on `outbox`. Each read is one index search without a sort; the unit test reads their query plans. */

/** The pending messages of one slot to one webhook: they go out one after the other. */
const LINE = `upload_id = :upload_id AND tenant = :tenant AND webhook = :webhook AND state = 'pending'`;

/** `INDEXED BY`, here and below: where a state is given, SQLite would take an index by state, and sort or go over all of it. */
const FIRST = `outbox INDEXED BY outbox_due WHERE state = 'pending' AND waits = 0`;

export const ADD = `
  INSERT INTO outbox (id, tenant, webhook, upload_id, type, payload, created_at, state, waits, attempts, next_attempt_at)
  VALUES (:id, :tenant, :webhook, :upload_id, :type, :payload, :created_at, 'pending', EXISTS (SELECT 1 FROM outbox WHERE ${LINE}),
    0, :created_at)`;

export const DUE = `
  SELECT seq FROM ${FIRST} AND next_attempt_at <= :now AND NOT EXISTS (SELECT 1 FROM json_each(:busy)
    WHERE value ->> 'tenant' = outbox.tenant AND value ->> 'webhook' = outbox.webhook)
  ORDER BY next_attempt_at, seq LIMIT :limit`;

export const CLAIM = `
  UPDATE outbox SET attempts = attempts + 1, next_attempt_at = :lease_until WHERE seq = :seq
  RETURNING *`;

export const NEXT = `SELECT next_attempt_at FROM ${FIRST} ORDER BY next_attempt_at LIMIT 1`;

export const NOTE = `
  UPDATE outbox SET state = :state, waits = iif(:state = 'pending', waits, 0), ended_at = :ended_at, last_failure = :last_failure,
    next_attempt_at = coalesce(:next_attempt_at, next_attempt_at)
  WHERE id = :id AND attempts = :attempts AND state = 'pending'
  RETURNING upload_id, tenant, webhook`;

/** After a message has left its line, or come back to it. */
export const LINE_UP = `
  UPDATE outbox SET waits = seq > (SELECT min(seq) FROM outbox WHERE ${LINE}) WHERE ${LINE}`;

const REPLAY = `
  UPDATE outbox SET state = 'pending', waits = 1, attempts = 0, next_attempt_at = :now, last_failure = NULL, ended_at = NULL`;
const TO_LINE_UP = 'RETURNING id, upload_id, tenant, webhook';

export const REPLAY_ONE = `${REPLAY} WHERE id = :id AND state <> 'pending' ${TO_LINE_UP}`;

/** One that waits for another may have had its time already. */
export const HASTEN_ONE = `
  UPDATE outbox SET next_attempt_at = min(next_attempt_at, :now) WHERE id = :id AND state = 'pending'`;

export const REPLAY_DEAD = `${REPLAY} WHERE state = 'dead' ${TO_LINE_UP}`;

export const REPLAY_DEAD_OF_TENANT = `${REPLAY} WHERE tenant = :tenant AND state = 'dead' ${TO_LINE_UP}`;

type ListQuery = Parameters<OutboxStore['list']>[0];

export function listSql({ tenant, state }: Pick<ListQuery, 'tenant' | 'state'>): string {
  const conditions = [
    ...(tenant === undefined ? [] : ['tenant = :tenant']),
    ...(state === undefined ? [] : ['state = :state']),
    'id < :before',
  ].join(' AND ');
  return `SELECT * FROM outbox WHERE ${conditions} ORDER BY id DESC LIMIT :limit`;
}

export const DROP_DELIVERED = `
  DELETE FROM outbox WHERE seq IN (
    SELECT seq FROM outbox INDEXED BY outbox_delivered WHERE state = 'delivered' AND ended_at < :before ORDER BY ended_at LIMIT :limit)`;

export const COUNT = `SELECT state, count(*) AS messages FROM outbox WHERE state IN ('pending', 'dead') GROUP BY state`;

/** Of a slot that is purged: a message under way is delivered all the same. */
export const PURGE_ENDED = `DELETE FROM outbox WHERE upload_id = :id AND state <> 'pending'`;
