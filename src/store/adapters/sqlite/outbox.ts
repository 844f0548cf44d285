import { UNDELIVERED_STATES, type OutboxStore } from '../../port.ts';
import type { Connection } from './connection.ts';
import { toMessage } from '../sql/message-rows.ts';
import * as sql from './outbox/sql.ts';
import { integer, text, word, type Row } from '../sql/rows.ts';

/** Sorts after every id. */
const AFTER_ALL = '~';

export function sqliteOutbox(connection: Connection): OutboxStore {
  const due = connection.prepare(sql.DUE);
  const claim = connection.prepare(sql.CLAIM);
  const next = connection.prepare(sql.NEXT);
  const note = connection.prepare(sql.NOTE);
  const lineUp = connection.prepare(sql.LINE_UP);
  const replayOne = connection.prepare(sql.REPLAY_ONE);
  const hastenOne = connection.prepare(sql.HASTEN_ONE);
  const replayDead = connection.prepare(sql.REPLAY_DEAD);
  const replayDeadOfTenant = connection.prepare(sql.REPLAY_DEAD_OF_TENANT);
  const dropDelivered = connection.prepare(sql.DROP_DELIVERED);
  const count = connection.prepare(sql.COUNT);

  function replayed(which: Parameters<OutboxStore['replay']>[0], now: number): Row[] {
    if ('ids' in which) return which.ids.flatMap((id) => replayOne.all({ id, now }));
    if (which.tenant === undefined) return replayDead.all({ now });
    return replayDeadOfTenant.all({ now, tenant: which.tenant });
  }

  return {
    claim: (now, leaseUntil, limit, busy = []) =>
      connection.write(() =>
        due
          .all({ now, limit, busy: JSON.stringify(busy) })
          .flatMap((row) => claim.all({ seq: integer(row, 'seq'), lease_until: leaseUntil }))
          .map(toMessage),
      ),
    note: ({ id, attempts }, outcome) =>
      connection.write(() => {
        const row = note.get({
          id,
          attempts,
          state: outcome.state,
          ended_at: outcome.state === 'pending' ? null : outcome.endedAt,
          last_failure: outcome.state === 'delivered' ? null : outcome.lastFailure,
          next_attempt_at: outcome.state === 'pending' ? outcome.nextAttemptAt : null,
        });
        if (row === undefined) return false;
        if (outcome.state !== 'pending') lineUp.run(lineOf(row));
        return true;
      }),
    nextAttemptAt: () =>
      connection.read(() => {
        const row = next.get();
        return row && integer(row, 'next_attempt_at');
      }),
    list: ({ tenant, state, before = AFTER_ALL, limit }) =>
      connection.read(() => {
        const query = { ...(tenant !== undefined && { tenant }), ...(state !== undefined && { state }) };
        return connection
          .prepare(sql.listSql(query))
          .all({ ...query, before, limit })
          .map(toMessage);
      }),
    replay: (which, now) =>
      connection.write(() => {
        // First, or it would find those too that are pending only by this call.
        const sooner =
          'ids' in which ? which.ids.filter((id) => Number(hastenOne.run({ id, now }).changes) > 0) : [];
        const rows = replayed(which, now);
        for (const row of rows) lineUp.run(lineOf(row));
        return { again: rows.map((row) => text(row, 'id')), sooner };
      }),
    dropDelivered: (before, limit) =>
      connection.write(() => Number(dropDelivered.run({ before, limit }).changes)),
    count: () =>
      connection.read(() => {
        const counts = { pending: 0, dead: 0 };
        for (const row of count.all())
          counts[word(row, 'state', UNDELIVERED_STATES)] = integer(row, 'messages');
        return counts;
      }),
  };
}

/** By column name, for named parameters. */
function lineOf(row: Row) {
  return {
    upload_id: text(row, 'upload_id'),
    tenant: text(row, 'tenant'),
    webhook: text(row, 'webhook'),
  };
}
