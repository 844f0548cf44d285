import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MoveRefused } from '../../../../src/store/errors.ts';
import { copyTable, type Pair } from '../../../../src/store/move/copy.ts';
import type { Column, MoveTarget, RawRow, TableProgress } from '../../../../src/store/move/port.ts';

const TABLE = { name: 'things', key: ['id'] };
const COLUMNS: readonly Column[] = [
  { name: 'id', kind: 'integer' },
  { name: 'what', kind: 'text' },
];

/** Two stores in memory; what `lose` says happens to a commit. */
function pairOf(rows: readonly RawRow[], columns = COLUMNS) {
  const copied: RawRow[] = [];
  let now: TableProgress = { after: undefined, rows: 0, isCopied: false };
  const target: Pick<MoveTarget, 'columns' | 'progress' | 'add'> = {
    columns: async () => columns,
    progress: async () => now,
    async add(_table, _columns, added, from, to) {
      if (JSON.stringify(from) !== JSON.stringify(now)) return false;
      copied.push(...added);
      now = to;
      return true;
    },
  };
  const source = {
    columns: async () => COLUMNS,
    page: async (_table: unknown, after: readonly (string | number)[] | undefined, limit: number) =>
      rows.filter(({ id }) => after === undefined || Number(id) > Number(after[0])).slice(0, limit),
  };
  const pair = { source, target } as unknown as Pair;
  return { pair, copied, target, progress: () => now };
}

const rowsOf = (count: number): RawRow[] =>
  Array.from({ length: count }, (_, id) => ({ id, what: `row ${id}` }));
const copying = (signal = new AbortController().signal) => ({ copied: () => undefined, signal, batch: 10 });

describe('the copy of a table', () => {
  for (const count of [0, 9, 10, 11, 35]) {
    it(`copies ${count} rows once each, and nothing when it is run again`, async () => {
      const { pair, copied, progress } = pairOf(rowsOf(count));
      await copyTable(pair, TABLE, copying());
      await copyTable(pair, TABLE, copying());
      assert.deepEqual(copied, rowsOf(count));
      assert.equal(progress().isCopied, true);
      assert.equal(progress().rows, count);
    });
  }

  it('goes on behind what a run before it, or one that was thought dead, has copied', async () => {
    const { pair, copied, target } = pairOf(rowsOf(35));
    const add = target.add.bind(target);
    let calls = 0;
    target.add = async (table, columns, rows, from, to) => {
      calls += 1;
      // The other run's commit comes first.
      if (calls === 2) await add(table, columns, rows, from, to);
      return add(table, columns, rows, from, to);
    };
    await copyTable(pair, TABLE, copying());
    assert.deepEqual(copied, rowsOf(35));
  });

  it('ends between two commits when it is asked to', async () => {
    const { pair, copied, target } = pairOf(rowsOf(35));
    const stop = new AbortController();
    const add = target.add.bind(target);
    target.add = async (...of) => {
      stop.abort();
      return add(...of);
    };
    await copyTable(pair, TABLE, copying(stop.signal));
    assert.equal(copied.length, 10);
  });

  it('copies nothing where the columns differ', async () => {
    const { pair, copied } = pairOf(rowsOf(3), COLUMNS.slice(0, 1));
    await assert.rejects(
      copyTable(pair, TABLE, copying()),
      /the columns of things differ: id integer, what text/,
    );
    assert.deepEqual(copied, []);
  });

  it('names a row that PostgreSQL cannot hold', async () => {
    const { pair } = pairOf([{ id: 3, what: 'a\0b' }]);
    await assert.rejects(copyTable(pair, TABLE, copying()), (error: Error) => {
      assert.ok(error instanceof MoveRefused);
      return error.message.includes('The what of things 3 holds a NUL');
    });
  });
});
