import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts';
import { storeSuite } from './store-suite.ts';

storeSuite('SQLite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sealslot-store-'));
  const open = () => openSqliteStore({ path: join(directory, 'store.db'), exclusive: true });
  const first = await open();
  let store = first;
  return {
    store: first,
    async reopen() {
      await store.close();
      store = await open();
      return store;
    },
    async close() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});
