import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { openSqliteStore } from '../../../../src/store/adapters/sqlite.ts';
import { carriedInsert } from '../../../../src/store/adapters/sqlite/writer/calls.ts';
import { WriterThread } from '../../../../src/store/adapters/sqlite/writer/thread.ts';
import { NOW, uploadOf, wrappedOf } from '../../../contract/store-rows.ts';

it('what cannot cross fails by itself: nobody is told the outcome of another', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sealslot-attack-'));
  const path = join(directory, 'store.db');
  const store = await openSqliteStore({ path, exclusive: true });
  const thread = new WriterThread(path);
  const insert = (n: number) =>
    thread.call({
      port: 'uploads',
      method: 'insert',
      args: carriedInsert([{ upload: uploadOf(n), key: wrappedOf(), hasCopy: false }], undefined, NOW),
    });
  try {
    await insert(1);
    await assert.rejects(thread.call({ port: 'apiKeys', method: 'touch', args: [() => 1] }));
    const refused = insert(1).then(
      () => 'told: stored',
      () => 'refused',
    );
    const good = insert(2).then(
      () => 'told: stored',
      () => 'refused',
    );
    const late = new Promise((r) => setTimeout(r, 20_000, 'never answered').unref());
    assert.deepEqual(await Promise.all([Promise.race([refused, late]), Promise.race([good, late])]), [
      'refused',
      'told: stored',
    ]);
  } finally {
    await thread.kill();
    await store.close();
    rmSync(directory, { recursive: true });
  }
});

it('what cannot cross does not keep an end waiting that was asked for behind it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sealslot-attack-'));
  const path = join(directory, 'store.db');
  const store = await openSqliteStore({ path, exclusive: true });
  const thread = new WriterThread(path);
  try {
    const refused = thread.call({ port: 'apiKeys', method: 'touch', args: [() => 1] });
    const closed = thread.close();
    await assert.rejects(refused);
    await closed;
  } finally {
    await store.close();
    rmSync(directory, { recursive: true });
  }
});
