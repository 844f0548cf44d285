import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DependencyUnavailable, GrantExhausted, QuotaExceeded } from '../../../../src/errors.ts';
import { migrate } from '../../../../src/store/adapters/sqlite/migrate.ts';
import { createPrivate, openDatabase } from '../../../../src/store/adapters/sqlite/open.ts';
import { storeOver } from '../../../../src/store/adapters/sqlite/store-over.ts';
import { carriedInsert, type Call } from '../../../../src/store/adapters/sqlite/writer/calls.ts';
import { told } from '../../../../src/store/adapters/sqlite/writer/errors.ts';
import { GroupConnection, runGroup } from '../../../../src/store/adapters/sqlite/writer/group.ts';
import { KekRetired } from '../../../../src/store/errors.ts';
import { MIGRATIONS } from '../../../../src/store/migrations/sqlite/index.ts';
import type { Quota, Store } from '../../../../src/store/port.ts';
import {
  buriedAt,
  grantOf,
  idempotencyOf,
  idOf,
  NOW,
  uploadOf,
  wrappedBy,
  wrappedOf,
} from '../../../contract/store-rows.ts';
import { walCommits } from '../../../support/wal.ts';

/** Of the arguments of an insert those after the slots. */
type Rest = Parameters<typeof carriedInsert> extends [unknown, ...infer Others] ? Partial<Others> : never;

describe('a group of calls', () => {
  let directory: string;
  let path: string;
  let connection: GroupConnection;
  let store: Store;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sealslot-group-'));
    path = createPrivate(join(directory, 'store.db'));
    connection = new GroupConnection(openDatabase(path));
    migrate(connection, MIGRATIONS, () => NOW);
    store = storeOver(connection, undefined);
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  const insert = (n: number, ...rest: Rest): Call => insertOf(n, wrappedOf(), ...rest);
  const insertOf = (n: number, key = wrappedOf(), ...rest: Rest): Call => {
    const [idempotency, now = NOW, ...others] = rest;
    const slots = [{ upload: uploadOf(n, { size: 10 }), key, hasCopy: false }];
    return { port: 'uploads', method: 'insert', args: carriedInsert(slots, idempotency, now, ...others) };
  };
  const run = (...calls: Call[]) => runGroup(connection, store, calls);
  /** Of each call its value, or its error. */
  const resultsOf = async (...calls: Call[]) =>
    (await run(...calls)).map(([value, error]) => (error === undefined ? value : told(error)));
  const stored = async () =>
    (await store.uploads.list('acme', { limit: 100, now: NOW })).map(({ id }) => id).toReversed();

  it('is one commit', async () => {
    const before = walCommits(path);
    assert.deepEqual(await resultsOf(...[1, 2, 3, 4, 5].map((n) => insert(n))), Array(5).fill(undefined));
    assert.equal(walCommits(path) - before, 1);
    assert.deepEqual(await stored(), [1, 2, 3, 4, 5].map(idOf));
  });

  it('loses nothing of the others by one that is refused, before or after it has written', async () => {
    await store.custody.retire({ wrapperId: 'local', kekId: 'old' }, NOW);
    await store.grants.insert(grantOf(1, { count: 1 }));
    const quotas = (limit: number): Quota[] => [
      { tenant: 'acme', principal: null, openSlots: null, bytesPerDay: 1000 },
      { tenant: 'acme', principal: 'key:ci', openSlots: null, bytesPerDay: limit },
    ];
    const results = await resultsOf(
      insert(1, undefined, NOW, undefined, quotas(10)),
      // Counted for the tenant, and then refused for the principal.
      insert(2, undefined, NOW, undefined, quotas(10)),
      insert(3, undefined, NOW, grantOf(1)),
      insert(4, undefined, NOW, grantOf(1)),
      // Its slot is there when its key is refused.
      insertOf(5, wrappedBy('old')),
      insert(1),
      insert(6),
    );
    assert.equal(results[0], undefined);
    assert.ok(results[1] instanceof QuotaExceeded);
    assert.equal(results[1].use.per, 'principal');
    assert.equal(results[2], undefined);
    assert.ok(results[3] instanceof GrantExhausted);
    assert.ok(results[4] instanceof KekRetired);
    assert.ok(results[5] instanceof DependencyUnavailable, 'an id that is there');
    assert.equal(results[6], undefined);
    assert.deepEqual(await stored(), [1, 3, 6].map(idOf));
    assert.equal((await store.grants.get('acme', idOf(1)))?.used, 1);
    const db = new DatabaseSync(path);
    const sums = db.prepare('SELECT principal, bytes FROM announced ORDER BY principal').all();
    const orphans = db.prepare('SELECT count(*) AS n FROM wrapped_keys').get();
    db.close();
    assert.deepEqual(
      sums.map((row) => ({ ...row })),
      [
        { principal: '', bytes: 10 },
        { principal: 'key:ci', bytes: 10 },
      ],
    );
    assert.equal(orphans?.['n'], 3, 'no wrapped key of a slot that was refused');
  });

  it('shows each call what those before it did: of one identity the first is stored', async () => {
    const records = [1, 2, 3].map((n) => idempotencyOf(n));
    const results = await resultsOf(...records.map((record, n) => insert(n + 1, record)));
    assert.deepEqual(results, [undefined, records[0], records[0]]);
    assert.deepEqual(await stored(), [idOf(1)]);
  });

  it('fails whole when its commit fails, also for those that were refused or replayed, and leaves nothing', async () => {
    await store.grants.insert(grantOf(1, { count: 1 }));
    const record = idempotencyOf(1);
    const breaking: Store = {
      ...store,
      apiKeys: {
        ...store.apiKeys,
        // A reference into nothing, which SQLite finds at the commit.
        touch: () =>
          connection.write(() => {
            connection.exec('PRAGMA defer_foreign_keys = ON');
            connection.exec(
              `INSERT INTO keys (upload_id, generation, wrapper_id, kek_id, wrapped_id, created_at) VALUES ('none', 1, 'a', 'b', 9, 0)`,
            );
          }),
      },
    };
    const calls = [
      insert(1, record),
      insert(2, record),
      insert(3, undefined, NOW, grantOf(1)),
      insert(4, undefined, NOW, grantOf(1)),
      { port: 'apiKeys', method: 'touch', args: ['k', NOW] } as const,
    ];
    const outcomes = await runGroup(connection, breaking, calls);
    for (const [value, error] of outcomes) {
      assert.equal(value, undefined);
      assert.ok(error);
      assert.ok(told(error) instanceof DependencyUnavailable);
    }
    assert.deepEqual(await stored(), []);
    assert.equal((await store.grants.get('acme', idOf(1)))?.used, 0);
    assert.deepEqual(
      await resultsOf(insert(1, record)),
      [undefined],
      'the next one is as if it had not been',
    );
  });

  it('that the disk has no room for fails, and what comes after is whole', async () => {
    await run(insert(1));
    const size = Number(Object.values(connection.prepare('PRAGMA page_count').get() ?? {})[0]);
    connection.exec(`PRAGMA max_page_count = ${size + 2}`);
    const results = await resultsOf(...Array.from({ length: 60 }, (_, n) => insert(n + 2)));
    const failed = results.filter((result) => result !== undefined);
    assert.ok(failed.length > 0);
    for (const error of failed) assert.ok(error instanceof DependencyUnavailable);
    const acknowledged = results.flatMap((result, n) => (result === undefined ? [idOf(n + 2)] : []));
    assert.deepEqual(await stored(), [idOf(1), ...acknowledged]);
    connection.exec('PRAGMA max_page_count = 100000');
    assert.deepEqual(await resultsOf(insert(90)), [undefined]);
    const keys = await store.keys.page({ limit: 100 });
    assert.equal(keys.length, acknowledged.length + 2, 'each slot with its key, no key without');
  });

  it('fails while another has the lock, all of it after one wait; where nothing is due, nothing is locked', async () => {
    connection.exec('PRAGMA busy_timeout = 0');
    const other = openDatabase(path);
    other.exec('BEGIN IMMEDIATE');
    const claim: Call = { port: 'uploads', method: 'claimDue', args: [NOW, NOW + 1, 10] };
    assert.deepEqual(await resultsOf(claim), [[]]);
    for (const result of await resultsOf(insert(1), claim, insert(2)))
      assert.ok(result instanceof DependencyUnavailable);
    other.exec('ROLLBACK');
    other.close();
    assert.deepEqual(await resultsOf(insert(1)), [undefined]);
  });

  it('empties the WAL after its commit when one of its calls destroyed a key', async () => {
    const upload = uploadOf(1, { state: 'deleting' });
    await store.uploads.insert([{ upload, key: wrappedOf(), hasCopy: false }], undefined, NOW);
    const bury: Call = { port: 'uploads', method: 'bury', args: [upload.id, upload, buriedAt(NOW)] };
    assert.deepEqual(await resultsOf(insert(2), bury, insert(3)), [undefined, true, undefined]);
    assert.equal(walCommits(path), 0);
    assert.deepEqual(await store.keys.all(upload.id), []);
    assert.deepEqual(await stored(), [2, 3].map(idOf));
  });
});
