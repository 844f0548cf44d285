import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { INTERMEDIATE } from '../../../src/custody/intermediate.ts';
import { openSqliteStore } from '../../../src/store/adapters/sqlite.ts';
import type { Store } from '../../../src/store/port.ts';
import {
  grantOf,
  idOf,
  insertOne,
  intermediateOf,
  NOW,
  plain,
  uploadOf,
  wrappedOf,
} from '../../contract/store-rows.ts';

const ROWS = new URL('../../contract/store-rows.ts', import.meta.url).href;
const ADAPTER = new URL('../../../src/store/adapters/sqlite.ts', import.meta.url).href;
const TURNS = 40;
const PROCESSES = 4;

describe('a SQLite store under several processes at once', () => {
  let directory: string;
  let path: string;
  let store: Store;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sealslot-processes-'));
    path = join(directory, 'store.db');
    store = await openSqliteStore({ path, exclusive: false });
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });

  /** What `turn(store, n, rows, me)`, an expression, comes to for every `n`, in each process. */
  async function inEach(turn: string): Promise<unknown[][]> {
    const script = (me: number) => `
      const rows = await import(${JSON.stringify(ROWS)});
      const { openSqliteStore } = await import(${JSON.stringify(ADAPTER)});
      const store = await openSqliteStore({ path: ${JSON.stringify(path)}, exclusive: false });
      const turn = ${turn};
      const answers = [];
      for (let n = 0; n < ${TURNS}; n++) answers.push(await turn(store, n, rows, ${me}).catch((error) => error.code));
      await store.close();
      process.stdout.write(JSON.stringify(answers));`;
    return Promise.all(
      Array.from({ length: PROCESSES }, async (_, me) => {
        const argv = ['--input-type=module', '-e', script(me)];
        const { stdout } = await promisify(execFile)(process.execPath, argv);
        return JSON.parse(stdout) as unknown[];
      }),
    );
  }

  /** For every turn, what it came to in the processes. */
  const byTurn = (answers: unknown[][]) =>
    Array.from({ length: TURNS }, (_, n) => answers.map((ofProcess) => ofProcess[n]));

  it('a key is replaced once, and a re-key begun once', async () => {
    const key = wrappedOf();
    for (let n = 0; n < TURNS; n++) {
      await insertOne(store, uploadOf(n, { state: 'uploaded' }), key);
    }
    const from = JSON.stringify(plain(key));
    const answers = await inEach(`async (store, n, rows, me) => {
      const { bytes, ...names } = ${from};
      const from = { ...names, bytes: Buffer.from(bytes, 'hex') };
      const to = rows.wrappedBy('kek-of-' + me);
      const [isReplaced] = await store.keys.replace([{ ...rows.cursorOf(n), from, to }]);
      const at = { now: rows.NOW, writesUntil: rows.NOW, nextCheckAt: rows.NOW };
      const begun = await store.keys.begin({ id: rows.idOf(n), generation: 1, nextGeneration: 2 }, to, at, false);
      return [isReplaced, begun !== undefined];
    }`);
    for (const [n, outcomes] of byTurn(answers).entries()) {
      const pairs = outcomes as [boolean, boolean][];
      assert.equal(pairs.filter(([isReplaced]) => isReplaced).length, 1);
      assert.equal(pairs.filter(([, isBegun]) => isBegun).length, 1);
      const stored = await store.keys.all(idOf(n));
      assert.deepEqual(
        stored.map(({ wrapped }) => wrapped.kekId),
        [0, 1].map((part) => `kek-of-${pairs.findIndex((pair) => pair[part])}`),
      );
    }
  });

  it('a grant makes as many slots as it has, whoever asks, by one and by several', async () => {
    const count = (TURNS * PROCESSES) / 2;
    await store.grants.insert(grantOf(1, { count }));
    const answers = await inEach(`(store, n, rows, me) => {
      const slots = Array.from({ length: 1 + (n % 3) }, (_, of) => ({
        upload: rows.uploadOf(n * 100 + me * 10 + of + 1, { principal: 'grant:' + rows.idOf(1) }),
        key: rows.wrappedOf(),
        hasCopy: false,
      }));
      return store.uploads.insert(slots, undefined, rows.NOW, rows.grantOf(1)).then(() => slots.length);
    }`);
    const made = answers.flat().filter((answer) => typeof answer === 'number');
    const refused = answers.flat().filter((answer) => typeof answer !== 'number');
    const sum = made.reduce((a, b) => a + b, 0);
    assert.deepEqual([...new Set(refused)], ['grant_exhausted']);
    assert.equal(sum, count);
    assert.equal((await store.grants.get('acme', idOf(1)))?.used, count);
    assert.equal((await store.uploads.list('acme', { limit: 2 * count, now: NOW })).length, count);
  });

  it('a race with one idempotency key charges a grant once, in whatever process it is won', async () => {
    await store.grants.insert(grantOf(1, { count: TURNS }));
    const answers = await inEach(`(store, n, rows, me) => {
      const id = n * 100 + me + 1;
      const record = rows.idempotencyOf(id, { key: 'turn-' + n });
      return store.uploads
        .insert([{ upload: rows.uploadOf(id), key: rows.wrappedOf(), hasCopy: false }], record, rows.NOW, rows.grantOf(1))
        .then((first) => (first === undefined ? 'made' : 'replayed'));
    }`);
    for (const outcomes of byTurn(answers)) {
      assert.deepEqual(outcomes.toSorted(), ['made', ...Array<string>(PROCESSES - 1).fill('replayed')]);
    }
    assert.equal((await store.grants.get('acme', idOf(1)))?.used, TURNS);
  });

  it('no key is stored under an intermediate key that another process destroys', async () => {
    for (let n = 0; n < TURNS; n++) await store.intermediates.insert(intermediateOf(n), false);
    const answers = await inEach(`(store, n, rows, me) =>
      me === 0
        ? store.intermediates.destroy(rows.idOf(n), rows.NOW)
        : rows.insertOne(store, rows.uploadOf(n * 10 + me), rows.wrappedBy(rows.idOf(n), '${INTERMEDIATE}'))
            .then(() => 'stored')`);
    for (const [n, [isDestroyed, ...others]] of byTurn(answers).entries()) {
      const expected = isDestroyed === true ? 'dependency_unavailable' : 'stored';
      assert.deepEqual(new Set(others), new Set([expected]));
      const uses = await store.intermediates.uses(idOf(n));
      assert.equal(uses, isDestroyed === true ? 0 : others.length);
    }
  });
});
