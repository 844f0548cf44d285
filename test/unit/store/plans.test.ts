import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import * as grants from '../../../src/store/adapters/sqlite/grants/sql.ts';
import { DROP_ENDED } from '../../../src/store/adapters/sqlite/idempotency.ts';
import { DROP_ENDED_LEASES } from '../../../src/store/adapters/sqlite/leases.ts';
import * as intermediates from '../../../src/store/adapters/sqlite/intermediates-sql.ts';
import { neededSql } from '../../../src/store/adapters/sql/needed-keks.ts';
import * as keys from '../../../src/store/adapters/sqlite/keys/sql.ts';
import * as outbox from '../../../src/store/adapters/sqlite/outbox/sql.ts';
import * as quotas from '../../../src/store/adapters/sqlite/quotas/sql.ts';
import * as sql from '../../../src/store/adapters/sqlite/sql.ts';
import { MIGRATIONS } from '../../../src/store/migrations/sqlite/index.ts';

describe('every read of the SQLite store is an index search without a sort', () => {
  const db = new DatabaseSync(':memory:');
  for (const migration of MIGRATIONS) db.exec(migration.sql);
  after(() => db.close());

  const plan = (query: string) =>
    db
      .prepare(`EXPLAIN QUERY PLAN ${query}`)
      .all()
      .map((row) => String(row['detail']));
  const search = (table: string, index: string, terms: string) =>
    `SEARCH ${table} USING INDEX ${index} (${terms})`;
  const toBytes = 'SEARCH w USING INTEGER PRIMARY KEY (rowid=?)';
  const toUpload = search('u', 'sqlite_autoindex_uploads_1', 'id=?');

  it('of slots', () => {
    const byId = search('uploads', 'sqlite_autoindex_uploads_1', 'id=?');
    const byState = search('uploads', 'uploads_by_state', 'tenant=? AND state=? AND id<?');
    assert.deepEqual(plan(sql.GET), [byId]);
    assert.deepEqual(plan(sql.LIST_LIVE), [search('uploads', 'uploads_live', 'tenant=? AND id<?')]);
    assert.deepEqual(plan(sql.LIST_BY_STATE), [byState]);
    assert.deepEqual(plan(sql.LIST_ISSUED), [byState]);
    assert.deepEqual(plan(sql.LIST_EXPIRED), ['MERGE (UNION ALL)', 'LEFT', byState, 'RIGHT', byState]);
    const due = search('uploads', 'uploads_due', 'next_check_at<?');
    assert.deepEqual(plan(sql.DUE), [due.replace('USING INDEX', 'USING COVERING INDEX')]);
    assert.deepEqual(plan(sql.LEASE), [byId]);
    assert.equal(plan(sql.HAS_SLOT)[0], byId);
    assert.deepEqual(plan(sql.EXTEND), [byId]);
    assert.deepEqual(plan(sql.MAKE_DUE), [byId]);
    assert.deepEqual(plan(DROP_ENDED), [
      'SEARCH idempotency USING INTEGER PRIMARY KEY (rowid=?)',
      'LIST SUBQUERY 1',
      'SEARCH idempotency USING COVERING INDEX idempotency_ends (expires_at<?)',
    ]);
    assert.deepEqual(
      plan(sql.PURGEABLE).filter((step) => /^(SCAN|SEARCH|USE)/.test(step)),
      [byId, search('keys', 'sqlite_autoindex_keys_1', 'upload_id=?')],
    );
  });

  it('of quotas', () => {
    const open = (terms: string) => [
      'CO-ROUTINE (subquery-1)',
      `SEARCH uploads USING COVERING INDEX ${terms}`,
      'SCAN (subquery-1)',
    ];
    assert.deepEqual(plan(quotas.OPEN_OF_TENANT), open('uploads_open (tenant=? AND expires_at>?)'));
    assert.deepEqual(
      plan(quotas.OPEN_OF_PRINCIPAL),
      open('uploads_open_by_principal (tenant=? AND charged_to=? AND expires_at>?)'),
    );
    assert.deepEqual(plan(quotas.ANNOUNCED), [
      search('announced', 'sqlite_autoindex_announced_1', 'tenant=? AND principal=? AND day=?'),
    ]);
    assert.deepEqual(plan(quotas.DROP_BEFORE), [
      'SEARCH announced USING INTEGER PRIMARY KEY (rowid=?)',
      'LIST SUBQUERY 1',
      'SEARCH announced USING COVERING INDEX announced_days (day<?)',
    ]);
  });

  it('of a slot’s keys', () => {
    const ofSlot = (terms: string) => search('k', 'sqlite_autoindex_keys_1', terms);
    assert.deepEqual(plan(keys.GET_KEY), [ofSlot('upload_id=? AND generation=?'), toBytes]);
    assert.deepEqual(plan(keys.ALL_KEYS), [ofSlot('upload_id=?'), toBytes]);
    assert.deepEqual(plan(keys.USES), [search('keys', 'keys_by_kek', 'wrapper_id=? AND kek_id=?')]);
  });

  it('of the KEKs that are needed', () => {
    const { next } = neededSql('wrapped_id');
    assert.deepEqual(next.map(plan), [
      [search('keys', 'keys_by_kek', '(wrapper_id,kek_id)>(?,?)')],
      [search('keys', 'keys_by_copy', '(copy_wrapper_id,copy_kek_id)>(?,?)')],
    ]);
  });

  describe('of pages of keys', () => {
    const behind = '(upload_id,generation)>(?,?)';
    const wrappers = [undefined, { wrapperId: 'local' }, { wrapperId: 'local', kekId: 'kek-1' }];
    const states = [undefined, 'stale', 'missing'] as const;
    const queries = wrappers.flatMap((wrappedBy) =>
      states.map((copies) => ({ ...(wrappedBy && { wrappedBy }), ...(copies && { copies }) })),
    );

    it('by the index of what is asked for', () => {
      const byKek = search('k', 'keys_by_kek', `wrapper_id=? AND kek_id=? AND ${behind}`);
      const byWrapper = search('k', 'keys_by_wrapper', `wrapper_id=? AND ${behind}`);
      const byCopy = search('k', 'keys_by_copy', `copy_wrapper_id=? AND copy_kek_id=? AND ${behind}`);
      assert.deepEqual(
        queries.map((query) => plan(keys.pageSql(query))),
        [
          search('k', 'sqlite_autoindex_keys_1', behind),
          search('k', 'keys_stale', behind),
          byCopy,
          ...[byWrapper, byWrapper, byWrapper],
          ...[byKek, byKek, byKek],
        ].map((first) => [first, toUpload, toBytes]),
      );
    });

    it('of a tenant, by its slots', () => {
      for (const query of queries) {
        const [slots, ofSlot, ...rest] = plan(keys.pageSql({ ...query, tenant: 'acme' }));
        assert.equal(slots, search('u', 'uploads_live', 'tenant=? AND id>?'));
        assert.match(ofSlot!, /^SEARCH k USING INDEX \w+ \(.*upload_id=\?\)$/);
        assert.deepEqual(rest, [toBytes]);
      }
    });
  });

  it('of counts, each a walk over one index', () => {
    const steps = plan(keys.USAGE);
    assert.deepEqual(
      steps.filter((step) => /^(SCAN|SEARCH|USE)/.test(step)),
      [
        'SCAN keys USING INDEX keys_by_kek',
        search('keys', 'keys_by_copy', 'copy_wrapper_id>?'),
        'SCAN intermediate_keys USING INDEX intermediate_keys_by_kek',
        'SCAN intermediate_keys USING INDEX intermediate_keys_by_kek',
      ],
    );
  });

  describe('of the outbox', () => {
    const on = (index: string, terms: string) => search('outbox', index, terms);
    const covering = (index: string, terms: string) =>
      on(index, terms).replace('USING INDEX', 'USING COVERING INDEX');
    const line = 'upload_id=? AND tenant=? AND webhook=? AND state=?';

    it('by what is due and by lines', () => {
      const [due, ...busy] = plan(outbox.DUE);
      assert.equal(due, on('outbox_due', 'next_attempt_at<?'));
      assert.match(busy.at(-1) ?? '', /^SCAN json_each /);
      assert.deepEqual(plan(outbox.NEXT), ['SCAN outbox USING COVERING INDEX outbox_due']);
      assert.deepEqual(plan(outbox.CLAIM), ['SEARCH outbox USING INTEGER PRIMARY KEY (rowid=?)']);
      assert.deepEqual(plan(outbox.NOTE), [on('sqlite_autoindex_outbox_1', 'id=?')]);
      assert.deepEqual(plan(outbox.ADD).at(-1), covering('outbox_lines', line));
      assert.deepEqual(plan(outbox.LINE_UP), [
        on('outbox_lines', line),
        'SCALAR SUBQUERY 1',
        covering('outbox_lines', line),
      ]);
    });

    it('by id, of a tenant and state', () => {
      const list = (query: Parameters<typeof outbox.listSql>[0]) => plan(outbox.listSql(query));
      assert.deepEqual(list({}), [on('sqlite_autoindex_outbox_1', 'id<?')]);
      assert.deepEqual(list({ tenant: 'acme' }), [on('outbox_by_tenant', 'tenant=? AND id<?')]);
      assert.deepEqual(list({ state: 'dead' }), [on('outbox_by_state', 'state=? AND id<?')]);
      assert.deepEqual(list({ tenant: 'acme', state: 'dead' }), [
        on('outbox_by_tenant_state', 'tenant=? AND state=? AND id<?'),
      ]);
    });

    it('of what is replayed, dropped, purged and counted', () => {
      const first = (query: string) => plan(query)[0];
      for (const one of [outbox.REPLAY_ONE, outbox.HASTEN_ONE])
        assert.equal(first(one), on('sqlite_autoindex_outbox_1', 'id=?'));
      assert.equal(first(outbox.REPLAY_DEAD), covering('outbox_by_state', 'state=?'));
      assert.equal(
        first(outbox.REPLAY_DEAD_OF_TENANT),
        covering('outbox_by_tenant_state', 'tenant=? AND state=?'),
      );
      assert.deepEqual(plan(outbox.DROP_DELIVERED), [
        'SEARCH outbox USING INTEGER PRIMARY KEY (rowid=?)',
        'LIST SUBQUERY 1',
        covering('outbox_delivered', 'ended_at<?'),
      ]);
      assert.equal(first(outbox.PURGE_ENDED), on('outbox_lines', 'upload_id=?'));
      assert.deepEqual(plan(outbox.COUNT), ['SEARCH outbox USING COVERING INDEX outbox_by_state (state=?)']);
    });
  });

  it('of leases', () => {
    assert.deepEqual(plan(DROP_ENDED_LEASES), [
      search('leases', 'sqlite_autoindex_leases_1', 'name=?').replace('INDEX', 'COVERING INDEX'),
      'LIST SUBQUERY 1',
      search('leases', 'leases_ends', 'ends_at<?'),
    ]);
  });

  it('of grants', () => {
    const on = (index: string, terms: string) => search('grants', index, terms);
    const byId = on('sqlite_autoindex_grants_1', 'id=?');
    for (const one of [grants.GET, grants.REVOKE, grants.CHARGE]) assert.deepEqual(plan(one), [byId]);
    assert.deepEqual(plan(grants.LIST), [on('grants_by_tenant', 'tenant=? AND id<?')]);
    assert.deepEqual(plan(grants.DROP_ENDED), [
      byId.replace('INDEX', 'COVERING INDEX'),
      'LIST SUBQUERY 1',
      on('grants_ends', 'ends_at<?'),
    ]);
  });

  it('of intermediate keys; a list of all tenants goes over all', () => {
    const ofKey = (index: string, terms: string) => search('k', index, terms);
    const byVersion = ofKey('sqlite_autoindex_intermediate_keys_2', 'tenant=? AND period=?');
    const list = (query: Parameters<typeof intermediates.listSql>[0]) => plan(intermediates.listSql(query));
    assert.deepEqual(plan(intermediates.NEWEST), [byVersion, toBytes]);
    assert.deepEqual(plan(intermediates.GET), [
      ofKey('sqlite_autoindex_intermediate_keys_1', 'id=?'),
      toBytes,
    ]);
    assert.match(
      plan(intermediates.LAST_VERSION).join(),
      /^SEARCH .*autoindex_intermediate_keys_2 \(tenant=\? AND period=\?\)$/,
    );
    assert.match(plan(intermediates.HAS).join(), /^MULTI-INDEX OR(,INDEX \d,SEARCH [^,]*){2}$/);
    assert.deepEqual(list({ tenant: 'acme', period: '2027-01' }), [byVersion, toBytes]);
    assert.deepEqual(list({ tenant: 'acme' }), [ofKey('intermediate_keys_by_tenant', 'tenant=?'), toBytes]);
    for (const query of [{}, { period: '2027-01' }]) {
      assert.deepEqual(list(query), ['SCAN k USING INDEX sqlite_autoindex_intermediate_keys_1', toBytes]);
    }
  });
});
