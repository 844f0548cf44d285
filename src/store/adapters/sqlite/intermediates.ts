import { INTERMEDIATE } from '../../../custody/intermediate.ts';
import type { WrappedKey } from '../../../custody/port.ts';
import { IntermediateGone } from '../../errors.ts';
import type { IntermediateStore, StoredIntermediate } from '../../port.ts';
import type { Connection } from './connection.ts';
import * as sql from './intermediates-sql.ts';
import { keyBytes } from './key-bytes.ts';
import { USES } from './keys/sql.ts';
import { integer, text, type Row } from './rows.ts';
import { copyOf, fromCopy, fromKek, toCopy, toWrapped, wrappedRows } from './wrapped.ts';

export function sqliteIntermediates(connection: Connection): IntermediateStore {
  const newest = connection.prepare(sql.NEWEST);
  const get = connection.prepare(sql.GET);
  const lastVersion = connection.prepare(sql.LAST_VERSION);
  const has = connection.prepare(sql.HAS);
  const insert = connection.prepare(sql.INSERT);
  const uses = connection.prepare(USES);
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
    insert: ({ id, tenant, period, version, wrapped, createdAt }, hasCopy) =>
      connection.write(() => {
        const name = { id, tenant, period, version };
        if (has.get(name)) return false;
        insert.run({
          ...name,
          ...fromKek(wrapped),
          wrapped_id: bytesOf.add(wrapped.bytes),
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
    replace: (id, from, to) => scrubbed(() => rows.replace({ id }, from, to)),
    copied: (id, of) => connection.write(() => rows.copied({ id }, of)),
    uses: (id) => connection.read(() => countUses(id)),
    destroy: (id, at) => scrubbed(() => countUses(id) === 0 && rows.destroy({ id }, at)),
  };
}

/**
 * To be asked in the transaction that stores a wrapped key: an intermediate key is cached, so one may still wrap a key after it was
 * destroyed in the store, and nobody could open that key once the cache is gone.
 * @throws DependencyUnavailable
 */
export function intermediateGuard(connection: Connection): (wrapped: WrappedKey) => void {
  const get = connection.prepare(sql.GET);
  return ({ wrapperId, kekId }) => {
    if (wrapperId !== INTERMEDIATE || get.get({ id: kekId })) return;
    throw new IntermediateGone(kekId);
  };
}

function toIntermediate(row: Row): StoredIntermediate {
  return {
    id: text(row, 'id'),
    tenant: text(row, 'tenant'),
    period: text(row, 'period'),
    version: integer(row, 'version'),
    wrapped: toWrapped(row),
    createdAt: integer(row, 'created_at'),
    copy: toCopy(row),
  };
}
