import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalRow, compareKeys } from '../../../../src/store/move/canonical.ts';
import { compareTable, isSame, type Difference } from '../../../../src/store/move/compare.ts';
import type { Cell, Column, RawRow, TableReader } from '../../../../src/store/move/port.ts';

const COLUMNS: readonly Column[] = [
  { name: 'a', kind: 'text' },
  { name: 'b', kind: 'text' },
];
const rowOf = (a: Cell, b: Cell): RawRow => ({ a, b });
const textOf = (a: Cell, b: Cell) => canonicalRow(rowOf(a, b), COLUMNS);

describe('the canonical text of a row', () => {
  it('is another for any other row', () => {
    const rows: [Cell, Cell][] = [
      ['', null],
      [null, ''],
      [null, null],
      ['ab', 'c'],
      ['a', 'bc'],
      ['1', '1'],
      [1, 1],
      [11, 1],
      [1, 11],
      ['t1:x', ''],
      [new Uint8Array([1]), '1'],
      ['01', new Uint8Array([1])],
      ['é', ''],
      ['e\u0301', ''],
    ];
    assert.equal(new Set(rows.map(([a, b]) => textOf(a, b))).size, rows.length);
  });

  it('is the same for equal bytes, whatever holds them', () => {
    assert.equal(textOf(Buffer.from([1, 255]), 'x'), textOf(new Uint8Array([0, 1, 255]).subarray(1), 'x'));
  });

  it('wants every column', () => {
    assert.throws(() => canonicalRow({ a: 'x' }, COLUMNS), /lacks a column/);
  });
});

it('keys are in the order of their bytes in UTF-8, numbers by size', () => {
  const keys = [
    ['b', 2],
    ['😀', 1],
    ['b', 10],
    ['\uFFFD', 1],
    ['B', 1],
  ];
  assert.deepEqual(keys.sort(compareKeys), [
    ['B', 1],
    ['b', 2],
    ['b', 10],
    ['\uFFFD', 1],
    ['😀', 1],
  ]);
});

describe('the comparison of a table', () => {
  const table = { name: 'things', key: ['a'] };
  const readerOf = (rows: readonly RawRow[]): TableReader => ({
    columns: async () => COLUMNS,
    page: async (_table, after, limit) => {
      const behind = rows.filter(({ a }) => after === undefined || compareKeys([String(a)], after) > 0);
      return behind.slice(0, limit);
    },
  });
  const numbered = (count: number) =>
    Array.from({ length: count }, (_, n) => rowOf(String(n).padStart(6, '0'), `value ${n}`));
  async function compare(ours: readonly RawRow[], theirs: readonly RawRow[]) {
    const differences: Difference[] = [];
    let seen = 0;
    const digests = await compareTable({ source: readerOf(ours), target: readerOf(theirs) }, table, {
      differs: (difference) => differences.push(difference),
      seen: () => (seen += 1),
      signal: new AbortController().signal,
    });
    assert.equal(seen, ours.length);
    return { differences, digests };
  }

  for (const count of [0, 1, 1_999, 2_000, 2_001, 4_000]) {
    it(`finds ${count} rows the same`, async () => {
      const { differences, digests } = await compare(numbered(count), numbered(count));
      assert.deepEqual(differences, []);
      assert.deepEqual(digests.rows, { source: count, target: count });
      assert.ok(isSame(digests));
    });
  }

  it('names what is missing, added and changed, at both ends and beside the ends of pages', async () => {
    const ours = numbered(4_100);
    const theirs = ours
      .filter((_, n) => ![0, 1_999, 4_099].includes(n))
      .map((row) => (row['a'] === '002000' ? rowOf('002000', 'other') : row));
    theirs.push(rowOf('0009995', 'x'), rowOf('zzz', 'x'));
    theirs.sort((a, b) => compareKeys([String(a['a'])], [String(b['a'])]));
    const { differences, digests } = await compare(ours, theirs);
    assert.deepEqual(
      differences.map(({ key, kind, columns }) => [...key, kind, ...columns]),
      [
        ['000000', 'missing'],
        ['0009995', 'added'],
        ['001999', 'missing'],
        ['002000', 'changed', 'b'],
        ['004099', 'missing'],
        ['zzz', 'added'],
      ],
    );
    assert.equal(isSame(digests), false);
  });
});
