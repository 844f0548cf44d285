import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULTS } from '../../src/config/defaults.ts';
import { hierarchy } from '../../src/custody/hierarchy.ts';
import type { KeyWrapper } from '../../src/custody/port.ts';
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts';
import type { Store } from '../../src/store/port.ts';

export interface TemporaryStore extends AsyncDisposable {
  readonly store: Store;
  readonly path: string;
}

export async function temporaryStore(): Promise<TemporaryStore> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-store-'));
  const path = join(dir, 'sealslot.db');
  const store = await openSqliteStore({ path, exclusive: false });
  return {
    store,
    path,
    async [Symbol.asyncDispose]() {
      await store.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A wrapper with intermediate keys of its own cache, in a store that others may share. */
export function underHierarchy(keks: KeyWrapper, store: Store): KeyWrapper {
  return hierarchy({
    keks,
    intermediates: store.intermediates,
    settings: DEFAULTS.hierarchy,
    wrapsNew: true,
    keepCopy: undefined,
    now: Date.now,
  });
}
