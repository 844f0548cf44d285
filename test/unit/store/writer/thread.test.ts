import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DependencyUnavailable } from '../../../../src/errors.ts';
import { openSqliteStore } from '../../../../src/store/adapters/sqlite.ts';
import { openDatabase } from '../../../../src/store/adapters/sqlite/open.ts';
import { carriedInsert } from '../../../../src/store/adapters/sqlite/writer/calls.ts';
import { WriterThread } from '../../../../src/store/adapters/sqlite/writer/thread.ts';
import type { Store } from '../../../../src/store/port.ts';
import { idOf, insertOne, NOW, uploadOf, wrappedOf } from '../../../contract/store-rows.ts';
import { walCommits } from '../../../support/wal.ts';

describe('the thread that writes', () => {
  let directory: string;
  let path: string;
  let store: Store;
  let thread: WriterThread;
  let other: DatabaseSync;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sealslot-thread-'));
    path = join(directory, 'store.db');
    store = await openSqliteStore({ path, exclusive: true });
    thread = new WriterThread(path);
    other = openDatabase(path);
  });
  afterEach(async () => {
    other.close();
    await thread.close();
    await store.close();
    rmSync(directory, { recursive: true });
  });

  /** A write that stays under way until `other` lets go of the lock. */
  const lock = () => {
    other.exec('BEGIN IMMEDIATE');
  };
  const unlock = () => {
    other.exec('ROLLBACK');
  };
  const insert = (n: number) => {
    const args = carriedInsert([{ upload: uploadOf(n), key: wrappedOf(), hasCopy: false }], undefined, NOW);
    return thread.call({ port: 'uploads', method: 'insert', args });
  };
  const stored = async () =>
    (await store.uploads.list('acme', { limit: 200, now: NOW })).map(({ id }) => id).toReversed();
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

  it('commits together what comes while it is busy: 100 slots by three commits', async () => {
    await store.apiKeys.touch('none', NOW);
    const before = walCommits(path);
    lock();
    const all = numbers(100).map((n) => insertOne(store, uploadOf(n)));
    unlock();
    await Promise.all(all);
    assert.deepEqual(await stored(), numbers(100).map(idOf));
    assert.ok(walCommits(path) - before <= 3, `${walCommits(path) - before} commits`);
  });

  it('bounds a group', async () => {
    const before = walCommits(path);
    lock();
    const all = numbers(300).map((n) => insertOne(store, uploadOf(n)));
    unlock();
    await Promise.all(all);
    assert.ok(walCommits(path) - before >= 3, `${walCommits(path) - before} commits`);
  });

  it('refuses at once what comes when too much waits, and does what waits', async () => {
    lock();
    const args = ['none', NOW];
    const touch = () => thread.call({ port: 'apiKeys', method: 'touch', args });
    const all = Promise.all(numbers(10_000).map(touch));
    await assert.rejects(touch(), DependencyUnavailable);
    unlock();
    await all;
    await touch();
  });

  it('leaves the process free: while a write waits for the lock, reads are answered', async () => {
    await insertOne(store, uploadOf(1));
    lock();
    let isDone = false;
    const write = insertOne(store, uploadOf(2)).then(() => (isDone = true));
    assert.equal((await store.uploads.get('acme', idOf(1)))?.id, idOf(1));
    await new Promise((next) => setImmediate(next));
    assert.equal(isDone, false, 'nothing is told before it is committed');
    assert.equal(await store.uploads.get('acme', idOf(2)), undefined);
    unlock();
    await write;
    assert.equal((await store.uploads.get('acme', idOf(2)))?.id, idOf(2));
  });

  it('when it dies, fails all that wait, takes back what was under way, and another goes on', async () => {
    await insert(1);
    lock();
    const all = [2, 3, 4, 5].map(insert);
    const failed = Promise.all(all.map((call) => assert.rejects(call, DependencyUnavailable)));
    await thread.kill();
    await failed;
    unlock();
    await insert(6);
    assert.deepEqual(await stored(), [1, 6].map(idOf));
  });

  it('cannot begin where there is no store, and says to each that calls what it died of', async () => {
    const nowhere = new WriterThread(join(directory, 'none', 'store.db'));
    for (const _ of [1, 2]) {
      const call = nowhere.call({ port: undefined, method: 'check', args: [] });
      await assert.rejects(call, (error: unknown) => {
        assert.ok(error instanceof DependencyUnavailable && error.cause instanceof Error);
        assert.match(error.cause.message, /unable to open/);
        return true;
      });
    }
    await nowhere.close();
  });

  it('begins before its first call, which dies of nothing that was wrong then', async () => {
    const folder = join(directory, 'late');
    const early = new WriterThread(join(folder, 'store.db'));
    early.begin();
    await early.kill();
    mkdirSync(folder);
    const made = await openSqliteStore({ path: join(folder, 'store.db'), exclusive: false });
    await early.call({ port: undefined, method: 'check', args: [] });
    early.begin();
    await Promise.all([early.close(), made.close()]);
  });

  it('ends though it was asked for nothing', async () => {
    const idle = new WriterThread(path);
    idle.begin();
    await idle.close();
    await assert.rejects(idle.call({ port: undefined, method: 'check', args: [] }), DependencyUnavailable);
  });

  it('ends after what was asked of it, and then refuses', async () => {
    const all = numbers(20).map(insert);
    const closed = thread.close();
    await assert.rejects(insert(21), DependencyUnavailable);
    await Promise.all([...all, closed]);
    assert.deepEqual(await stored(), numbers(20).map(idOf));
    await thread.close();
  });

  it('is asked by the readiness check, which fails while nothing can be written', async () => {
    await store.check();
    await store.close();
    await assert.rejects(store.check(), DependencyUnavailable);
    store = await openSqliteStore({ path, exclusive: true });
  });
});
