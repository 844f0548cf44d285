import { INTERMEDIATE } from '../../../custody/intermediate.ts';
import type { IntermediateStore } from '../../port.ts';
import { toIntermediate } from '../sql/intermediate-rows.ts';
import { integer } from '../sql/rows.ts';
import { copyOf, fromCopy, fromKek } from '../sql/wrapped.ts';
import type { Connection } from './connection.ts';
import { demandUsable } from './usable.ts';
import { wrappedRow } from './wrapped.ts';

const LIVING = `
  SELECT id, tenant, period, version, wrapper_id, kek_id, wrapped, created_at, copy_wrapper_id, copy_kek_id, copy_stale
  FROM intermediate_keys WHERE wrapped IS NOT NULL`;

const NEWEST = `${LIVING} AND tenant = :tenant AND period = :period AND wraps_new = 1 ORDER BY version DESC LIMIT 1`;

const GET = `${LIVING} AND id = :id`;

const LAST_VERSION = `
  SELECT coalesce(max(version), 0) AS version FROM intermediate_keys WHERE tenant = :tenant AND period = :period`;

const INSERT = `
  INSERT INTO intermediate_keys (id, tenant, period, version, wrapper_id, kek_id, wrapped, wraps_new, created_at,
    copy_wrapper_id, copy_kek_id, copy_stale)
  VALUES (:id, :tenant, :period, :version, :wrapper_id, :kek_id, :wrapped, :wraps_new, :created_at,
    :copy_wrapper_id, :copy_kek_id, :copy_stale)
  ON CONFLICT DO NOTHING`;

const WRAP_NO_MORE = 'UPDATE intermediate_keys SET wraps_new = 0 WHERE id = :id';

/** Ids are UUIDv7, so their order is that of time; so is the order of versions. */
function listSql({ tenant, period }: NonNullable<Parameters<IntermediateStore['list']>[0]>): string {
  const conditions = [
    ...(tenant === undefined ? [] : ['AND tenant = :tenant']),
    ...(period === undefined ? [] : ['AND period = :period']),
  ].join(' ');
  return `${LIVING} ${conditions} ORDER BY ${tenant !== undefined && period !== undefined ? 'version' : 'id'}`;
}

const WRAPPED_BY = `FROM keys WHERE wrapper_id = '${INTERMEDIATE}' AND kek_id = :id AND wrapped IS NOT NULL`;

const USES = `SELECT count(*) AS uses ${WRAPPED_BY}`;

/**
 * Whoever stores a key that this one wraps holds its row shared until the commit. So once the row is locked here, the look for such keys, in
 * a statement of its own, sees all that there ever will be.
 */
const LOCK = 'SELECT id FROM intermediate_keys WHERE id = :id AND wrapped IS NOT NULL FOR UPDATE';
const IS_NEEDED = `SELECT 1 AS one ${WRAPPED_BY} LIMIT 1`;

export function postgresIntermediates(connection: Connection): IntermediateStore {
  const rows = wrappedRow('intermediate_keys');
  return {
    async newest(tenant, period) {
      const [row] = await connection.one(NEWEST, { tenant, period });
      return row && toIntermediate(row);
    },
    async get(id) {
      const [row] = await connection.one(GET, { id });
      return row && toIntermediate(row);
    },
    async lastVersion(tenant, period) {
      const [row = {}] = await connection.one(LAST_VERSION, { tenant, period });
      return integer(row, 'version');
    },
    insert: ({ id, tenant, period, version, wrapped, createdAt }, hasCopy, wrapsNew = true) =>
      connection.write(async (session) => {
        await demandUsable(session, [wrapped]);
        const inserted = await session.run(INSERT, {
          ...{ id, tenant, period, version },
          ...fromKek(wrapped),
          wrapped: wrapped.bytes,
          wraps_new: wrapsNew ? 1 : 0,
          created_at: createdAt,
          ...fromCopy(copyOf(wrapped, hasCopy)),
        });
        return inserted > 0;
      }),
    list: async (query = {}) => (await connection.one(listSql(query), { ...query })).map(toIntermediate),
    replace: (id, from, to) =>
      connection.write(async (session) => {
        await demandUsable(session, [to]);
        await session.run(WRAP_NO_MORE, { id });
        return rows.replace(session, { id }, from, to);
      }),
    copied: (id, of) => connection.write((session) => rows.copied(session, { id }, of)),
    async uses(id) {
      const [row = {}] = await connection.one(USES, { id });
      return integer(row, 'uses');
    },
    destroy: (id, at) =>
      connection.write(async (session) => {
        if ((await session.get(LOCK, { id })) === undefined) return false;
        if ((await session.get(IS_NEEDED, { id })) !== undefined) return false;
        return rows.destroy(session, { id }, at);
      }),
  };
}
