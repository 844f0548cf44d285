import type { IdempotencyRecord } from '../../../port.ts';
import { toIdempotencyRecord } from '../../sql/rows.ts';
import type { Connection } from '../connection.ts';
import { byName } from '../gather.ts';

export type Identity = Pick<IdempotencyRecord, 'tenant' | 'principal' | 'key'>;

export const FIND = `
  SELECT i.tenant, i.principal, i.key, i.request_hash, i.upload_ids, i.expires_at
  FROM unnest(:tenants::text[], :principals::text[], :keys::text[]) AS n (tenant, principal, key)
  JOIN idempotency AS i ON i.tenant = n.tenant AND i.principal = n.principal AND i.key = n.key`;

/** @param id of the record that a slot was made with. Another may have taken its place since, which stays. */
export const DROP_OF = `DELETE FROM idempotency WHERE id = :id AND :upload_id = ANY(string_to_array(upload_ids, ' '))`;

export const DROP_ENDED = `
  DELETE FROM idempotency WHERE id = ANY(ARRAY(
    SELECT id FROM idempotency WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED))`;

export const nameOf = ({ tenant, principal, key }: Identity): string =>
  JSON.stringify([tenant, principal, key]);

/** The records of these identities, ended or not, by name. */
export async function recordsOf(
  connection: Connection,
  identities: readonly Identity[],
): Promise<Map<string, IdempotencyRecord>> {
  const rows = await connection.one(FIND, {
    tenants: identities.map(({ tenant }) => tenant),
    principals: identities.map(({ principal }) => principal),
    keys: identities.map(({ key }) => key),
  });
  return byName(rows.map(toIdempotencyRecord), nameOf);
}
