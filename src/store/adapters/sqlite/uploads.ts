import type { SQLInputValue, StatementSync } from 'node:sqlite';
import type { UploadPatch, UploadStore } from '../../port.ts';
import type { Connection } from './connection.ts';
import { idempotencyRows } from './idempotency.ts';
import { keyRows } from './keys/rows.ts';
import { fromUpload, toUpload } from './rows.ts';
import * as sql from './sql.ts';

/** Sorts after every UUID. */
const AFTER_ALL = '~';

export function sqliteUploads(connection: Connection): UploadStore {
  const keys = keyRows(connection);
  const idempotent = idempotencyRows(connection);
  const insert = connection.prepare(sql.INSERT_UPLOAD);
  const hasSlot = connection.prepare(sql.HAS_SLOT);
  const get = connection.prepare(sql.GET);
  const listLive = connection.prepare(sql.LIST_LIVE);
  const listByState = connection.prepare(sql.LIST_BY_STATE);
  const listIssued = connection.prepare(sql.LIST_ISSUED);
  const listExpired = connection.prepare(sql.LIST_EXPIRED);
  const due = connection.prepare(sql.DUE);
  const update = connection.prepare(sql.UPDATE);
  const bury = connection.prepare(sql.BURY);
  const forget = connection.prepare(sql.FORGET);

  /** One commit of a slot's last step and of its key's end; then the WAL, which still holds the key, is emptied. */
  async function end(
    step: StatementSync,
    values: Record<string, SQLInputValue>,
    id: string,
    at: number,
  ): Promise<boolean> {
    const done = await connection.write(() => {
      if (step.run(values).changes === 0) return false;
      keys.destroyAll(id, at);
      return true;
    });
    if (done) connection.scrub();
    return done;
  }

  return {
    insert: (upload, key, idempotency, now, hasCopy = false) =>
      connection.write(() => {
        const first = idempotency && idempotent.find(idempotency, now);
        if (first) return first;
        insert.run(fromUpload(upload));
        keys.add(upload.id, 1, key, upload.createdAt, hasCopy);
        if (idempotency) idempotent.claim(idempotency);
        return undefined;
      }),
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
    update: (id, from, patch, expected) =>
      connection.write(() => {
        const row = update.get({
          id,
          from: JSON.stringify(from),
          ...patchValues(patch),
          ...optional('expected_next_check_at', expected?.nextCheckAt, 'has_expected'),
        });
        return row && toUpload(row);
      }),
    bury: (id, { urlEndsAt }, at) => end(bury, { id, url_ends_at: urlEndsAt, at }, id, at),
    forget: (id, { urlEndsAt }, at) => end(forget, { id, url_ends_at: urlEndsAt }, id, at),
    due: (now, limit) =>
      connection.read(() => {
        connection.scrubIfDue();
        return due.all({ now, limit }).map(toUpload);
      }),
    dropEndedIdempotency: (now) => connection.write(() => idempotent.dropEnded(now)),
  };
}

function patchValues(patch: UploadPatch): Record<string, SQLInputValue> {
  return {
    state: patch.state ?? null,
    url_ends_at: patch.urlEndsAt ?? null,
    ...optional('uploaded_at', patch.uploadedAt),
    ...optional('etag', patch.etag),
    ...optional('version_id', patch.versionId),
    ...optional('deleting_at', patch.deletingAt),
    ...optional('next_check_at', patch.nextCheckAt),
  };
}

function optional(
  column: string,
  value: string | number | null | undefined,
  flag = `has_${column}`,
): Record<string, SQLInputValue> {
  return { [column]: value ?? null, [flag]: value === undefined ? 0 : 1 };
}
