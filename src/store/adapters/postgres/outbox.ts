import type { OutboxStore } from '../../port.ts';
import { toMessage } from '../sql/message-rows.ts';
import { integer, text, type Row } from '../sql/rows.ts';
import type { Connection, Session } from './connection.ts';
import { lineLock, lockNames } from './locks.ts';
import * as sql from './outbox/sql.ts';

/** Sorts after every id. */
const AFTER_ALL = '~';

export function postgresOutbox(connection: Connection): OutboxStore {
  return {
    async claim(now, leaseUntil, limit, busy = []) {
      const rows = await connection.one(sql.CLAIM, {
        ...{ now, limit },
        lease_until: leaseUntil,
        busy_tenants: busy.map(({ tenant }) => tenant),
        busy_webhooks: busy.map(({ webhook }) => webhook),
      });
      return inTimeOrder(rows).map(toMessage);
    },
    async note({ id, attempts }, outcome) {
      const values = {
        ...{ id, attempts, state: outcome.state },
        ended_at: outcome.state === 'pending' ? null : outcome.endedAt,
        last_failure: outcome.state === 'delivered' ? null : outcome.lastFailure,
        next_attempt_at: outcome.state === 'pending' ? outcome.nextAttemptAt : null,
      };
      if (outcome.state === 'pending') return (await connection.one(sql.NOTE, values)).length > 0;
      return connection.write(async (session) => {
        const found = await session.get(sql.SLOT_OF, { id });
        if (found === undefined) return false;
        await lockNames(session, [lineLock(text(found, 'upload_id'))]);
        const row = await session.get(sql.NOTE, values);
        if (row === undefined) return false;
        await lineUp(session, [row]);
        return true;
      });
    },
    async nextAttemptAt() {
      const [row] = await connection.one(sql.NEXT);
      return row && integer(row, 'next_attempt_at');
    },
    async list({ tenant, state, before = AFTER_ALL, limit }) {
      const query = { ...(tenant !== undefined && { tenant }), ...(state !== undefined && { state }) };
      return (await connection.one(sql.listSql(query), { ...query, before, limit })).map(toMessage);
    },
    replay: (which, now) =>
      connection.write(async (session) => {
        await session.run(sql.ALONE);
        // First, or it would find those too that are pending only by this call.
        const sooner = 'ids' in which ? await session.all(sql.HASTEN, { ids: which.ids, now }) : [];
        const again =
          'ids' in which
            ? await session.all(sql.REPLAY, { ids: which.ids, now })
            : which.tenant === undefined
              ? await session.all(sql.REPLAY_DEAD, { now })
              : await session.all(sql.REPLAY_DEAD_OF_TENANT, { tenant: which.tenant, now });
        await lineUp(session, again);
        const ids = (rows: readonly Row[]) => rows.map((row) => text(row, 'id'));
        const named = 'ids' in which ? which.ids : ids(again);
        const inOrder = (rows: readonly Row[]) => {
          const found = new Set(ids(rows));
          return named.filter((id) => found.has(id));
        };
        return { again: inOrder(again), sooner: inOrder(sooner) };
      }),
    dropDelivered: async (before, limit) =>
      (await connection.one(sql.DROP_DELIVERED, { before, limit })).length,
    async count() {
      const [row = {}] = await connection.one(sql.COUNT);
      return { pending: integer(row, 'pending'), dead: integer(row, 'dead') };
    },
  };
}

/** After messages have left their lines, or come back to them, while nobody else changes these lines. */
async function lineUp(session: Session, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  await session.run(sql.LINE_UP, {
    upload_ids: rows.map((row) => text(row, 'upload_id')),
    tenants: rows.map((row) => text(row, 'tenant')),
    webhooks: rows.map((row) => text(row, 'webhook')),
  });
}

/** A statement that changes rows gives them in no order. */
function inTimeOrder(rows: readonly Row[]): Row[] {
  return [...rows].sort(
    (a, b) => integer(a, 'came_at') - integer(b, 'came_at') || integer(a, 'seq') - integer(b, 'seq'),
  );
}
