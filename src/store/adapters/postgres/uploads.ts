import type { Upload } from '../../../uploads/upload.ts';
import type { OutboxMessage, UploadStore } from '../../port.ts';
import { firstDayKept } from '../../quotas.ts';
import { expectedValues, patchValues } from '../sql/patch.ts';
import { integer, text, toUpload, type Row } from '../sql/rows.ts';
import type { Connection, Values } from './connection.ts';
import { gathered, gatheredById } from './gather.ts';
import { destroyKeys, putKey } from './keys/rows.ts';
import { addMessages } from './outbox/add.ts';
import { putFoundSlot } from './uploads/adopt.ts';
import { DROP_DAYS } from './uploads/charges.ts';
import { groupCommit } from './uploads/group.ts';
import { DROP_ENDED, nameOf, recordsOf, type Identity } from './uploads/idempotency.ts';
import { purgeSlot } from './uploads/purge.ts';
import { settle } from './uploads/settle.ts';
import * as sql from './uploads/sql.ts';
import { demandUsable } from './usable.ts';

/** Sorts after every UUID. */
const AFTER_ALL = '~';

export function postgresUploads(connection: Connection): UploadStore {
  const insert = groupCommit((calls) => settle(connection, calls));
  const find = gatheredById(connection, sql.GET, toUpload);
  const findRecord = gathered(nameOf, (identities: readonly Identity[]) => recordsOf(connection, identities));

  /** One commit of a slot's last step and of its key's end. */
  function end(
    step: string,
    values: Values & { readonly id: string; readonly at: number },
    messages: readonly OutboxMessage[],
  ): Promise<boolean> {
    return connection.write(async (session) => {
      if ((await session.run(step, values)) === 0) return false;
      await destroyKeys(session, values.id, values.at);
      await addMessages(session, messages);
      return true;
    });
  }

  return {
    insert: (slots, idempotency, now, grant, quotas = []) =>
      insert({ slots, idempotency, now, grant, quotas }),
    extend: async (ids, urlEndsAt) =>
      inOrder(ids, await connection.one(sql.EXTEND, { ids, url_ends_at: urlEndsAt })),
    makeDue: async (ids, at) => inOrder(ids, await connection.one(sql.MAKE_DUE, { ids, at })),
    adopt: (upload, key, kin) =>
      connection.write(async (session) => {
        if (!(await putFoundSlot(session, upload, kin))) return false;
        await demandUsable(session, [key]);
        const found = { generation: 1, versionId: null, wrapped: key, copy: null };
        await putKey(session, upload.id, found, upload.createdAt);
        return true;
      }),
    async findIdempotent(tenant, principal, key, now) {
      const record = await findRecord({ tenant, principal, key });
      return record !== undefined && record.expiresAt > now ? record : undefined;
    },
    async get(tenant, id) {
      const upload = await find(id);
      return upload?.tenant === tenant ? upload : undefined;
    },
    async list(tenant, { state, before = AFTER_ALL, limit, now }) {
      const page = { tenant, before, limit };
      const [statement, values] =
        state === undefined
          ? [sql.LIST_LIVE, page]
          : state === 'issued'
            ? [sql.LIST_ISSUED, { ...page, now }]
            : state === 'expired'
              ? [sql.LIST_EXPIRED, { ...page, now }]
              : [sql.LIST_BY_STATE, { ...page, state }];
      return (await connection.one(statement, values)).map(toUpload);
    },
    async update(id, from, patch, expected = {}, messages = []) {
      const values = { id, from, ...patchValues(patch), ...expectedValues(expected) };
      if (messages.length === 0) return toOne(await connection.one(sql.UPDATE, values));
      return connection.write(async (session) => {
        const upload = toOne(await session.all(sql.UPDATE, values));
        if (upload !== undefined) await addMessages(session, messages);
        return upload;
      });
    },
    bury: (id, { urlEndsAt }, { deletedAt, nextCheckAt }, messages = []) =>
      end(sql.BURY, { id, url_ends_at: urlEndsAt, at: deletedAt, next_check_at: nextCheckAt }, messages),
    forget: (id, { urlEndsAt }, { forgottenAt, nextCheckAt }) =>
      end(sql.FORGET, { id, url_ends_at: urlEndsAt, at: forgottenAt, next_check_at: nextCheckAt }, []),
    purge: (id) => connection.write((session) => purgeSlot(session, id)),
    async claimDue(now, leaseUntil, limit) {
      const rows = await connection.one(sql.CLAIM_DUE, { now, lease_until: leaseUntil, limit });
      return inTimeOrder(rows).map(toUpload);
    },
    dropEndedIdempotency: (now, limit) =>
      connection.read((session) => session.run(DROP_ENDED, { now, limit })),
    dropEndedDays: (now, limit) =>
      connection.read((session) => session.run(DROP_DAYS, { day: firstDayKept(now), limit })),
  };
}

function toOne(rows: readonly Row[]): Upload | undefined {
  const [row] = rows;
  return row && toUpload(row);
}

function inOrder(ids: readonly string[], rows: readonly Row[]): Upload[] {
  const uploads = new Map(rows.map(toUpload).map((upload) => [upload.id, upload]));
  return ids.flatMap((id) => uploads.get(id) ?? []);
}

/** A statement that changes rows gives them in no order. */
function inTimeOrder(rows: readonly Row[]): Row[] {
  const byTime = (a: Row, b: Row): number =>
    integer(a, 'came_at') - integer(b, 'came_at') || (text(a, 'id') < text(b, 'id') ? -1 : 1);
  return [...rows].sort(byTime);
}
