import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { QuotaExceeded } from '../../../src/errors.ts';
import { openSqliteStore } from '../../../src/store/adapters/sqlite.ts';
import { Connection } from '../../../src/store/adapters/sqlite/connection.ts';
import { fromGrant } from '../../../src/store/adapters/sql/grant-rows.ts';
import { INSERT as INSERT_GRANT } from '../../../src/store/adapters/sqlite/grants/sql.ts';
import { migrate } from '../../../src/store/adapters/sqlite/migrate.ts';
import { openDatabase } from '../../../src/store/adapters/sqlite/open.ts';
import { MIGRATIONS } from '../../../src/store/migrations/sqlite/index.ts';
import type { Quota, Store } from '../../../src/store/port.ts';
import { grantOf, idOf, NOW, uploadOf, wrappedOf } from '../../contract/store-rows.ts';
import { insertBeforeQuotas } from './old-rows.ts';

describe('a SQLite store from before quotas', () => {
  let directory: string;
  let store: Store;
  const byGrant = (n: number) => ({ principal: `grant:${idOf(n)}` });
  const slots = [
    uploadOf(1),
    uploadOf(2, byGrant(1)),
    // Of a grant that has left the store since.
    uploadOf(3, byGrant(9)),
    uploadOf(4, { state: 'uploaded' }),
    uploadOf(5, { tenant: 'other' }),
  ];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sealslot-upgrade-'));
    const path = join(directory, 'store.db');
    const connection = new Connection(openDatabase(path));
    migrate(connection, MIGRATIONS.slice(0, 4), () => NOW);
    connection.prepare(INSERT_GRANT).run(fromGrant(grantOf(1)));
    for (const slot of slots) insertBeforeQuotas(connection, slot);
    connection.close();
    store = await openSqliteStore({ path, exclusive: true });
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  const openOf = async (principal: string | null) => {
    const quota: Quota = { tenant: 'acme', principal, openSlots: 9, bytesPerDay: null };
    const most = Array.from({ length: 10 }, (_, n) => ({
      upload: uploadOf(100 + n),
      key: wrappedOf(),
      hasCopy: false,
    }));
    const refused: unknown = await store.uploads
      .insert(most, undefined, NOW, undefined, [quota])
      .catch((error: unknown) => error);
    assert.ok(refused instanceof QuotaExceeded);
    return refused.extra['used'];
  };

  it('keeps its slots as they were', async () => {
    const live = await store.uploads.list('acme', { limit: 9, now: NOW });
    assert.deepEqual(live, slots.slice(0, 4).reverse());
  });

  it('counts those that are open, and what a grant has made for who minted it', async () => {
    assert.equal(await openOf(null), 3);
    assert.equal(await openOf('key:ci'), 1);
    assert.equal(await openOf('key:backend'), 1);
    assert.equal(await openOf(`grant:${idOf(1)}`), 0);
    assert.equal(await openOf(`grant:${idOf(9)}`), 1);
  });
});
