import type { IntermediateStore } from '../../port.ts';
import type { Connection } from './connection.ts';
import { usableGuard } from './usable.ts';
import * as sql from './intermediates-sql.ts';
import { keyBytes } from './key-bytes.ts';
import { USES } from './keys/sql.ts';
import { toIntermediate } from '../sql/intermediate-rows.ts';
import { integer } from '../sql/rows.ts';
import { copyOf, fromCopy, fromKek } from '../sql/wrapped.ts';
import { wrappedRows } from './wrapped.ts';

export function sqliteIntermediates(connection: Connection): IntermediateStore {
  const newest = connection.prepare(sql.NEWEST);
  const get = connection.prepare(sql.GET);
  const lastVersion = connection.prepare(sql.LAST_VERSION);
  const has = connection.prepare(sql.HAS);
  const insert = connection.prepare(sql.INSERT);
  const wrapNoMore = connection.prepare(sql.WRAP_NO_MORE);
  const uses = connection.prepare(USES);
  const demandUsable = usableGuard(connection);
  const rows = wrappedRows(connection, 'intermediate_keys', ['id']);
  const bytesOf = keyBytes(connection);
  const countUses = (id: string) => integer(uses.get({ id }) ?? {}, 'uses');

  /** The WAL still holds what was overwritten. */
  async function scrubbed(change: () => boolean): Promise<boolean> {
    const done = await connection.write(change);
    if (done) connection.scrub();
    return done;
  }

  return {
    newest: (tenant, period) =>
      connection.read(() => {
        const row = newest.get({ tenant, period });
        return row && toIntermediate(row);
      }),
    get: (id) =>
      connection.read(() => {
        const row = get.get({ id });
        return row && toIntermediate(row);
      }),
    lastVersion: (tenant, period) =>
      connection.read(() => integer(lastVersion.get({ tenant, period }) ?? {}, 'version')),
    insert: ({ id, tenant, period, version, wrapped, createdAt }, hasCopy, wrapsNew = true) =>
      connection.write(() => {
        demandUsable(wrapped);
        const name = { id, tenant, period, version };
        if (has.get(name)) return false;
        insert.run({
          ...name,
          ...fromKek(wrapped),
          wrapped_id: bytesOf.add(wrapped.bytes),
          wraps_new: wrapsNew ? 1 : 0,
          created_at: createdAt,
          ...fromCopy(copyOf(wrapped, hasCopy)),
        });
        return true;
      }),
    list: (query = {}) =>
      connection.read(() =>
        connection
          .prepare(sql.listSql(query))
          .all({ ...query })
          .map(toIntermediate),
      ),
    replace: (id, from, to) =>
      scrubbed(() => {
        demandUsable(to);
        wrapNoMore.run(id);
        return rows.replace({ id }, from, to);
      }),
    copied: (id, of) => connection.write(() => rows.copied({ id }, of)),
    uses: (id) => connection.read(() => countUses(id)),
    destroy: (id, at) => scrubbed(() => countUses(id) === 0 && rows.destroy({ id }, at)),
  };
}
