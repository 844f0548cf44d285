import type { StatementSync } from 'node:sqlite';
import type { OutboxMessage, UploadStore } from '../../port.ts';
import { byPosition } from './by-position.ts';
import type { Connection } from './connection.ts';
import { grantCharger } from './grants/charge.ts';
import { idempotencyRows } from './idempotency.ts';
import { keyRows } from './keys/rows.ts';
import { outboxRows } from './outbox/rows.ts';
import { quotaRows } from './quotas/rows.ts';
import { fromUpload, text, toUpload, type Values } from '../sql/rows.ts';
import * as sql from './sql.ts';
import { expectedValues, patchValues } from '../sql/patch.ts';
import { purger } from './uploads/purge.ts';

/** Sorts after every UUID. */
const AFTER_ALL = '~';

export function sqliteUploads(connection: Connection): UploadStore {
  const keys = keyRows(connection);
  const idempotent = idempotencyRows(connection);
  const outbox = outboxRows(connection);
  const charge = grantCharger(connection);
  const quotas = quotaRows(connection);
  const purge = purger(connection);
  const insert = byPosition(connection, sql.INSERT_UPLOAD);
  const hasSlot = connection.prepare(sql.HAS_SLOT);
  const get = byPosition(connection, sql.GET);
  const listLive = connection.prepare(sql.LIST_LIVE);
  const listByState = connection.prepare(sql.LIST_BY_STATE);
  const listIssued = connection.prepare(sql.LIST_ISSUED);
  const listExpired = connection.prepare(sql.LIST_EXPIRED);
  const due = connection.prepare(sql.DUE);
  const lease = connection.prepare(sql.LEASE);
  const update = connection.prepare(sql.UPDATE);
  const extend = connection.prepare(sql.EXTEND);
  const makeDue = connection.prepare(sql.MAKE_DUE);
  const bury = connection.prepare(sql.BURY);
  const forget = connection.prepare(sql.FORGET);

  /** One commit of a slot's last step and of its key's end; then the WAL, which still holds the key, is emptied. */
  async function end(
    step: StatementSync,
    values: Values & { id: string; at: number },
    messages: readonly OutboxMessage[],
  ): Promise<boolean> {
    const done = await connection.write(() => {
      if (step.run(values).changes === 0) return false;
      keys.destroyAll(values.id, values.at);
      outbox.add(messages);
      return true;
    });
    if (done) connection.scrub();
    return done;
  }

  return {
    insert: (slots, idempotency, now, grant, bounds = []) =>
      connection.write(() => {
        const first = idempotency && idempotent.find(idempotency, now);
        if (first) return first;
        if (grant !== undefined) charge(grant, slots.length, now);
        if (bounds.length > 0) quotas.charge(bounds, slots, now);
        const record = idempotency && idempotent.claim(idempotency);
        for (const { upload, key, hasCopy } of slots) {
          insert.run(fromUpload(upload, record, grant?.createdBy));
          keys.add(upload.id, 1, key, upload.createdAt, hasCopy);
        }
        return undefined;
      }),
    extend: (ids, urlEndsAt) =>
      connection.write(() =>
        ids.flatMap((id) => {
          const row = extend.get({ id, url_ends_at: urlEndsAt });
          return row === undefined ? [] : [toUpload(row)];
        }),
      ),
    makeDue: (ids, at) =>
      connection.write(() =>
        ids.flatMap((id) => {
          const row = makeDue.get({ id, at });
          return row === undefined ? [] : [toUpload(row)];
        }),
      ),
    adopt: (upload, key, kin) =>
      connection.write(() => {
        const { id, bucket, objectKey } = upload;
        const ids = JSON.stringify([id, ...kin]);
        if (hasSlot.get({ ids, id, bucket, object_key: objectKey })) return false;
        insert.run(fromUpload(upload));
        keys.add(id, 1, key, upload.createdAt, false);
        return true;
      }),
    findIdempotent: (tenant, principal, key, now) =>
      connection.read(() => idempotent.find({ tenant, principal, key }, now)),
    get: (tenant, id) =>
      connection.read(() => {
        const row = get.get({ tenant, id });
        return row && toUpload(row);
      }),
    list: (tenant, { state, before = AFTER_ALL, limit, now }) =>
      connection.read(() => {
        const page = { tenant, before, limit };
        if (state === undefined) return listLive.all(page).map(toUpload);
        if (state === 'issued') return listIssued.all({ ...page, now }).map(toUpload);
        if (state === 'expired') return listExpired.all({ ...page, now }).map(toUpload);
        return listByState.all({ ...page, state }).map(toUpload);
      }),
    update: (id, from, patch, expected = {}, messages = []) =>
      connection.write(() => {
        const row = update.get({
          id,
          from: JSON.stringify(from),
          ...patchValues(patch),
          ...expectedValues(expected),
        });
        if (row === undefined) return undefined;
        outbox.add(messages);
        return toUpload(row);
      }),
    bury: (id, { urlEndsAt }, { deletedAt, nextCheckAt }, messages = []) =>
      end(bury, { id, url_ends_at: urlEndsAt, at: deletedAt, next_check_at: nextCheckAt }, messages),
    forget: (id, { urlEndsAt }, { forgottenAt, nextCheckAt }) =>
      end(forget, { id, url_ends_at: urlEndsAt, at: forgottenAt, next_check_at: nextCheckAt }, []),
    async purge(id) {
      const done = await connection.write(() => purge(id));
      if (done) connection.scrubLater();
      return done;
    },
    async claimDue(now, leaseUntil, limit) {
      const isAny = await connection.read(() => {
        connection.scrubIfDue();
        return due.get({ now, limit: 1 }) !== undefined;
      });
      if (!isAny) return [];
      return connection.write(() =>
        due
          .all({ now, limit })
          .flatMap((row) => lease.all({ id: text(row, 'id'), lease_until: leaseUntil }))
          .map(toUpload),
      );
    },
    dropEndedIdempotency: (now, limit) => connection.write(() => idempotent.dropEnded(now, limit)),
    dropEndedDays: (now, limit) => connection.write(() => quotas.dropEnded(now, limit)),
  };
}
