import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Connection, Session } from '../../src/store/adapters/postgres/connection.ts';
import { GET } from '../../src/store/adapters/postgres/grants.ts';
import { migrate } from '../../src/store/adapters/postgres/migrate.ts';
import { compile } from '../../src/store/adapters/postgres/statement.ts';
import { pageSql } from '../../src/store/adapters/postgres/keys/sql.ts';
import { OPEN_OF_PRINCIPALS, OPEN_OF_TENANTS } from '../../src/store/adapters/postgres/uploads/charges.ts';
import { DROP_ENDED, DROP_OF, FIND } from '../../src/store/adapters/postgres/uploads/idempotency.ts';
import { FIND_RECORDS, STORE } from '../../src/store/adapters/postgres/uploads/slots.ts';
import * as sql from '../../src/store/adapters/postgres/uploads/sql.ts';
import { MIGRATIONS } from '../../src/store/migrations/postgres/index.ts';
import { available } from '../support/available.ts';
import { connectionTo, storeOptions } from '../support/postgres-store.ts';
import { startPostgres } from '../support/postgres.ts';

const postgres = await available(() => startPostgres());
after(() => postgres.stop());

/** Of five tenants; one has a hundredth of the slots. Most have ended, some are open, a few are overdue. */
const FILL = `
  INSERT INTO uploads (id, tenant, principal, state, target, bucket, object_key, content_type, size, method, metadata, expires_in_seconds,
    created_at, expires_at, url_ends_at, generation, next_check_at, charged_to, forgotten_at)
  SELECT lpad(to_hex(n), 36, '0'), CASE WHEN n % 100 = 0 THEN 'small' ELSE 't' || n % 4 END, 'p' || n % 50,
    CASE WHEN n > 38000 THEN 'issued' WHEN n % 20 = 0 THEN 'deleted' WHEN n % 5 = 0 THEN 'expired' ELSE 'uploaded' END,
    'main', 'b', 'k' || n, 'a/b', n, 'PUT', '{}', 900, n, n + 900, n + 900, 1, CASE WHEN n % 3 = 0 OR n > 38000 THEN n END, 'p' || n % 50,
    CASE WHEN n <= 38000 AND n % 5 = 0 THEN n END
  FROM generate_series(1, 40000) AS n;
  INSERT INTO keys (upload_id, generation, wrapper_id, kek_id, wrapped, created_at)
  SELECT id, 1, 'local', 'k', '\\x00', 1 FROM uploads WHERE state <> 'deleted';
  INSERT INTO idempotency (tenant, principal, key, request_hash, upload_ids, expires_at)
  SELECT tenant, principal, id, '\\x00', id, created_at FROM uploads;
  INSERT INTO outbox (id, tenant, webhook, upload_id, type, payload, created_at, state, waits, attempts, next_attempt_at, ended_at)
  SELECT 'm' || id, tenant, 'w', id, 't', '{}', 1, 'delivered', 0, 1, 1, 1 FROM uploads;
  INSERT INTO intermediate_keys (id, tenant, period, version, wrapper_id, kek_id, wrapped, wraps_new, created_at)
  SELECT lpad(to_hex(n), 36, '0'), 't' || n % 4, 'p' || n, 1, 'local', 'k', '\\x00', 1, 1 FROM generate_series(1, 2000) AS n;
  INSERT INTO grants (id, tenant, created_by, count, used, metadata, created_at, expires_at, ends_at)
  SELECT lpad(to_hex(n), 36, '0'), 't' || n % 4, 'p', 1, 0, '{}', n, n, n FROM generate_series(1, 5000) AS n;
  INSERT INTO retired_keks (wrapper_id, kek_id, retired_at) SELECT 'old', n, 1 FROM generate_series(1, 2000) AS n;
  ANALYZE`;

interface Node {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly Node[];
}

describe(
  'the statements on slots in PostgreSQL, planned without knowing their parameters',
  {
    skip: postgres.skip,
  },
  () => {
    let connection: Connection;
    before(async () => {
      const server = postgres.get();
      connection = await connectionTo(storeOptions(server, await server.createDatabase()));
      await migrate(connection, MIGRATIONS, Date.now);
      await connection.apart(async (session) => {
        await session.script(FILL);
      });
    });
    after(() => connection.close());

    /** The steps that read tables, and those that sort. */
    async function stepsOf(statement: string): Promise<string[]> {
      return steps(await planned(statement));
    }
    async function planned(statement: string): Promise<Node> {
      return connection.apart(async (session) => {
        const { text, parameters } = compile(statement);
        await session.script(`SET plan_cache_mode = force_generic_plan; PREPARE asked AS ${text}`);
        const nothing = parameters.length === 0 ? '' : `(${parameters.map(() => 'NULL').join(', ')})`;
        return planOf(session, `EXECUTE asked${nothing}`);
      });
    }
    async function planOf(session: Session, statement: string): Promise<Node> {
      const [row] = await session.all(`EXPLAIN (FORMAT JSON, COSTS OFF) ${statement}`);
      const [{ Plan }] = JSON.parse(String(row?.['QUERY PLAN'])) as [{ Plan: Node }];
      return Plan;
    }
    function steps(node: Node): string[] {
      const { 'Node Type': type, 'Index Name': index, 'Relation Name': table, Plans = [] } = node;
      const own =
        index !== undefined ? [index] : /Seq Scan|Sort/.test(type) ? [`${type} ${table ?? ''}`.trim()] : [];
      return [...own, ...Plans.flatMap(steps)];
    }
    const typesOf = ({ 'Node Type': type, Plans = [] }: Node): string[] => [type, ...Plans.flatMap(typesOf)];
    const only =
      (...expected: string[]) =>
      async (statement: string) => {
        assert.deepEqual([...new Set(await stepsOf(statement))].sort(), [...expected].sort(), statement);
      };

    it('are planned so in each session, and not compiled', async () => {
      const rows = await connection.one(
        `SELECT current_setting('plan_cache_mode') AS mode, current_setting('jit') AS jit`,
      );
      assert.deepEqual({ ...rows[0] }, { mode: 'force_generic_plan', jit: 'off' });
    });

    it('find a slot by its id', async () => {
      for (const one of [sql.GET, sql.EXTEND, sql.MAKE_DUE, sql.BURY, sql.FORGET, sql.PURGE])
        await only('uploads_pkey')(one);
      await only('uploads_pkey', 'keys_pkey')(sql.UPDATE);
      await only('uploads_pkey')(sql.PURGEABLE);
      await only('uploads_pkey')(sql.HAS_SLOT);
    });

    it('find grants by their ids', () => only('grants_pkey')(GET));

    it('find a page of a list without a sort of what is not on it', async () => {
      await only('uploads_live')(sql.LIST_LIVE);
      await only('uploads_by_state')(sql.LIST_BY_STATE);
      await only('uploads_by_state')(sql.LIST_ISSUED);
      // What is overdue is sorted; then the page.
      await only('uploads_open', 'uploads_by_state', 'uploads_pkey', 'Sort')(sql.LIST_EXPIRED);
    });

    it('find a page of keys from where it begins, and their slots one by one', async () => {
      await only('keys_pkey', 'uploads_pkey')(pageSql({}));
      await only('keys_stale', 'uploads_pkey')(pageSql({ copies: 'stale' }));
      const ofKek = pageSql({ wrappedBy: { wrapperId: 'local', kekId: 'k' } });
      assert.ok(!(await stepsOf(ofKek)).some((step) => /Seq Scan|Sort/.test(step)));
      // A merge of both indexes would begin with the first slot of all.
      const types = typesOf(await planned(ofKek));
      assert.deepEqual(
        types.filter((type) => /Join|Nested Loop/.test(type)),
        ['Nested Loop'],
      );
    });

    it('find what is due by its time', () => only('uploads_due', 'uploads_pkey')(sql.CLAIM_DUE));

    it('count what is open by its time', async () => {
      await only('uploads_open')(OPEN_OF_TENANTS);
      await only('uploads_open_by_principal')(OPEN_OF_PRINCIPALS);
    });

    it('find idempotency records by identity, by end and by number', async () => {
      await only('idempotency_tenant_principal_key_key')(FIND);
      await only('idempotency_tenant_principal_key_key')(FIND_RECORDS);
      await only('idempotency_ends', 'idempotency_pkey')(DROP_ENDED);
      await only('idempotency_pkey')(DROP_OF);
    });

    it('remove all of a slot by its id', async () => {
      await only('keys_pkey')(sql.PURGE_KEYS);
      await only('outbox_lines')(sql.PURGE_MESSAGES);
    });

    it('store slots with a look at no more than what wraps their keys', async () => {
      const read = (await stepsOf(STORE)).filter((step) => !/^Sort|retired_keks/.test(step));
      assert.deepEqual([...new Set(read)].sort(), ['intermediate_keys_pkey']);
    });
  },
);
