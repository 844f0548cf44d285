import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openSqliteStore } from '../../../src/store/adapters/sqlite.ts';
import { Connection } from '../../../src/store/adapters/sqlite/connection.ts';
import { migrate } from '../../../src/store/adapters/sqlite/migrate.ts';
import { openDatabase } from '../../../src/store/adapters/sqlite/open.ts';
import { MIGRATIONS } from '../../../src/store/migrations/sqlite/index.ts';
import type { Store } from '../../../src/store/port.ts';
import { grantOf, idOf, NOW, uploadOf, wrappedOf } from '../../contract/store-rows.ts';
import { insertBeforeQuotas } from './old-rows.ts';

describe('a SQLite store from before grants', () => {
  let directory: string;
  let store: Store;
  const old = uploadOf(1, { size: 7 });

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sealslot-upgrade-'));
    const path = join(directory, 'store.db');
    const connection = new Connection(openDatabase(path));
    migrate(connection, MIGRATIONS.slice(0, 3), () => NOW);
    insertBeforeQuotas(connection, old);
    connection.close();
    store = await openSqliteStore({ path, exclusive: true });
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  it('keeps its slots as they were', async () => {
    assert.deepEqual(await store.uploads.list('acme', { limit: 9, now: NOW }), [old]);
    assert.deepEqual(await store.grants.list('acme', { limit: 9 }), []);
  });

  it('takes grants, and charges slots to them', async () => {
    await store.grants.insert(grantOf(1));
    const slot = { upload: uploadOf(2), key: wrappedOf(), hasCopy: false };
    assert.equal(await store.uploads.insert([slot], undefined, NOW, grantOf(1)), undefined);
    assert.equal((await store.grants.get('acme', idOf(1)))?.used, 1);
  });
});
