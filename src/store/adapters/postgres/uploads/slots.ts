import { INTERMEDIATE } from '../../../../custody/intermediate.ts';
import type { IdempotencyRecord, NewSlot } from '../../../port.ts';
import { fromUpload, orNull, integer, text, toIdempotencyRecord, type Row } from '../../sql/rows.ts';
import { copyOf, fromCopy, fromKek } from '../../sql/wrapped.ts';
import type { Values } from '../connection.ts';
import { keksOf } from '../usable.ts';

/** The slots that one call makes together. */
export interface NewSlots {
  readonly slots: readonly NewSlot[];
  readonly idempotency: IdempotencyRecord | undefined;
  /** Whom they count for; undefined: the principal of each. */
  readonly chargedTo: string | undefined;
}

/** Columns of `uploads` as they come in JSON; `idempotency_id` is only known in the statement. */
const UPLOAD: Readonly<Record<string, 'text' | 'bigint'>> = {
  id: 'text',
  tenant: 'text',
  principal: 'text',
  state: 'text',
  target: 'text',
  bucket: 'text',
  object_key: 'text',
  filename: 'text',
  content_type: 'text',
  size: 'bigint',
  sha256: 'text',
  crc32c: 'text',
  crc64nvme: 'text',
  method: 'text',
  part_size: 'bigint',
  multipart_upload_id: 'text',
  metadata: 'text',
  expires_in_seconds: 'bigint',
  created_at: 'bigint',
  expires_at: 'bigint',
  url_ends_at: 'bigint',
  uploaded_at: 'bigint',
  etag: 'text',
  version_id: 'text',
  mismatches: 'text',
  generation: 'bigint',
  next_generation: 'bigint',
  deleting_at: 'bigint',
  deleted_at: 'bigint',
  forgotten_at: 'bigint',
  next_check_at: 'bigint',
  charged_to: 'text',
};
const KEY = {
  wrapper_id: 'text',
  kek_id: 'text',
  wrapped: 'text',
  copy_wrapper_id: 'text',
  copy_kek_id: 'text',
  copy_stale: 'int',
};
const CLAIM = {
  tenant: 'text',
  principal: 'text',
  key: 'text',
  request_hash: 'text',
  upload_ids: 'text',
  expires_at: 'bigint',
};

const names = (columns: object): string => Object.keys(columns).join(', ');

function recordset(parameter: string, columns: Readonly<Record<string, string>>): string {
  const types = Object.entries(columns).map(
    ([name, type]) => `${name} ${type}${type === 'text' ? ' COLLATE "C"' : ''}`,
  );
  return `SELECT call, ${names(columns)} FROM json_to_recordset(:${parameter}::json) AS r (call int, ${types.join(', ')})`;
}

/** One slot, from named parameters. */
export const INSERT_UPLOAD = `
  INSERT INTO uploads (${names(UPLOAD)}) VALUES (${Object.keys(UPLOAD)
    .map((name) => `:${name}`)
    .join(', ')})`;

/**
 * Slots of many calls, their keys and their idempotency records by one statement, so by one commit even without a transaction around it.
 * A call whose identity is taken, or whose key is wrapped by what is gone, stores nothing and hinders no other.
 *
 * The guard is that of `demandUsable`, in one statement with what it guards: PostgreSQL locks a statement's tables before it takes the
 * snapshot that it works on, so `retired_keks` is read as it is when nobody retires a KEK. Identities are claimed in one order, so that
 * two statements with the same ones never wait for each other.
 */
export const STORE = `
  WITH slot AS MATERIALIZED (${recordset('slots', { ...UPLOAD, ...KEY })}),
  claim AS MATERIALIZED (${recordset('claims', CLAIM)}),
  living AS MATERIALIZED (
    SELECT id FROM intermediate_keys WHERE id = ANY(:intermediates::text[]) AND wrapped IS NOT NULL ORDER BY id FOR SHARE),
  unusable AS MATERIALIZED (
    SELECT '${INTERMEDIATE}' COLLATE "C" AS wrapper_id, id COLLATE "C" AS kek_id FROM unnest(:intermediates::text[]) AS i (id)
      WHERE id NOT IN (SELECT id FROM living)
    UNION ALL
    SELECT r.wrapper_id, r.kek_id FROM unnest(:wrapper_ids::text[], :kek_ids::text[]) AS n (wrapper_id, kek_id)
      JOIN retired_keks AS r ON r.wrapper_id = n.wrapper_id AND r.kek_id = n.kek_id),
  stopped AS MATERIALIZED (SELECT DISTINCT call FROM slot JOIN unusable USING (wrapper_id, kek_id)),
  claimed AS (
    INSERT INTO idempotency (${names(CLAIM)})
    SELECT tenant, principal, key, decode(request_hash, 'hex'), upload_ids, expires_at FROM claim
      WHERE call NOT IN (SELECT call FROM stopped) ORDER BY tenant, principal, key
    ON CONFLICT (tenant, principal, key) DO UPDATE SET request_hash = excluded.request_hash, upload_ids = excluded.upload_ids,
      expires_at = excluded.expires_at WHERE idempotency.expires_at <= :now
    RETURNING id, tenant, principal, key),
  free AS MATERIALIZED (
    SELECT call, id AS record FROM claim JOIN claimed USING (tenant, principal, key)
    UNION ALL
    SELECT call, NULL FROM unnest(:unclaimed::int[]) AS u (call) WHERE call NOT IN (SELECT call FROM stopped)),
  stored AS (
    INSERT INTO uploads (${names(UPLOAD)}, idempotency_id)
    SELECT ${names(UPLOAD)}, record FROM slot JOIN free USING (call)),
  keyed AS (
    INSERT INTO keys (upload_id, generation, created_at, ${names(KEY)})
    SELECT id, 1, created_at, wrapper_id, kek_id, decode(wrapped, 'hex'), copy_wrapper_id, copy_kek_id, copy_stale
      FROM slot JOIN free USING (call))
  SELECT call, NULL AS wrapper_id, NULL AS kek_id FROM free
  UNION ALL SELECT NULL, wrapper_id, kek_id FROM unusable`;

/** @param now when an idempotency record that is there has ended. */
export function storeValues(calls: readonly NewSlots[], now: number): Values {
  const { intermediates, others } = keksOf(calls.flatMap(({ slots }) => slots.map(({ key }) => key)));
  return {
    slots: JSON.stringify(
      calls.flatMap(({ slots, chargedTo }, call) => slots.map((slot) => slotRow(call, slot, chargedTo))),
    ),
    claims: JSON.stringify(
      calls.flatMap(({ idempotency }, call) =>
        idempotency === undefined ? [] : [claimRow(call, idempotency)],
      ),
    ),
    unclaimed: calls.flatMap(({ idempotency }, call) => (idempotency === undefined ? [call] : [])),
    intermediates,
    wrapper_ids: others.map(({ wrapperId }) => wrapperId),
    kek_ids: others.map(({ kekId }) => kekId),
    now,
  };
}

function slotRow(call: number, { upload, key, hasCopy }: NewSlot, chargedTo: string | undefined) {
  return {
    call,
    ...fromUpload(upload, null, chargedTo),
    ...fromKek(key),
    wrapped: hex(key.bytes),
    ...fromCopy(copyOf(key, hasCopy)),
  };
}

function claimRow(
  call: number,
  { tenant, principal, key, requestHash, uploadIds, expiresAt }: IdempotencyRecord,
) {
  const identity = { tenant, principal, key };
  return {
    call,
    ...identity,
    request_hash: hex(requestHash),
    upload_ids: uploadIds.join(' '),
    expires_at: expiresAt,
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export interface Stored {
  /** By their place among the calls. */
  readonly calls: ReadonlySet<number>;
  /** What wraps keys of others, and is destroyed or retired. */
  readonly unusable: readonly { readonly wrapperId: string; readonly kekId: string }[];
}

/** @param rows of `STORE`. */
export function toStored(rows: readonly Row[]): Stored {
  const calls = rows.map((row) => orNull(integer, row, 'call')).filter((call) => call !== null);
  const unusable = rows
    .filter((row) => row['call'] === null)
    .map((row) => ({ wrapperId: text(row, 'wrapper_id'), kekId: text(row, 'kek_id') }));
  return { calls: new Set(calls), unusable };
}

export const FIND_RECORDS = `
  SELECT n.call, i.tenant, i.principal, i.key, i.request_hash, i.upload_ids, i.expires_at
  FROM unnest(:calls::int[], :tenants::text[], :principals::text[], :keys::text[]) AS n (call, tenant, principal, key)
  JOIN idempotency AS i ON i.tenant = n.tenant AND i.principal = n.principal AND i.key = n.key AND i.expires_at > :now`;

export function recordValues(records: ReadonlyMap<number, IdempotencyRecord>, now: number): Values {
  const identities = [...records.values()];
  return {
    calls: [...records.keys()],
    tenants: identities.map(({ tenant }) => tenant),
    principals: identities.map(({ principal }) => principal),
    keys: identities.map(({ key }) => key),
    now,
  };
}

/** @param rows of `FIND_RECORDS`. */
export function toRecords(rows: readonly Row[]): Map<number, IdempotencyRecord> {
  return new Map(rows.map((row) => [integer(row, 'call'), toIdempotencyRecord(row)]));
}
