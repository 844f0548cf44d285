import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cellId, FULL, MAIN, only, SHORT } from '../../../bench/speed/cells.ts';
import { chartOf } from '../../../bench/speed/chart.ts';
import { compare, ratiosOf, showCompared } from '../../../bench/speed/compare.ts';
import { rowsOf, type Measured, type Results } from '../../../bench/speed/results.ts';
import { median, spread } from '../../../bench/speed/stats.ts';
import { notesOf, tableOf } from '../../../bench/speed/table.ts';

function measured(cell: string, perSecond: number, cpuMicroseconds = 100): Measured {
  const [variant = '', connections] = cell.split('@');
  return {
    ...{ cell, variant, connections: Number(connections), perSecond, cpuMicroseconds },
    ...{ p50Ms: 1, p99Ms: 2, p999Ms: 3, storeCpuMicroseconds: null, rssMb: 120, loadCores: 0.3 },
  };
}

/** The machine is twice as fast in the second round, and nobody has been asked there by as few as one. */
const ROUNDS = [
  [measured('naive@16', 1_000, 800), measured('empty@16', 8_000), measured('ours@16', 3_000, 200)],
  [measured('naive@16', 2_000, 400), measured('empty@16', 16_000), measured('ours@16', 8_000, 100)],
  [measured('naive@16', 1_000, 800), measured('empty@16', 8_000), measured('ours@16', 2_000, 400)],
];

describe('figures of several rounds', () => {
  it('have a median, which is the mean of the two in the middle of an even number', () => {
    assert.equal(median([9, 1, 2]), 2);
    assert.equal(median([9, 1, 2, 4]), 3);
    assert.throws(() => median([]), /needs a figure/);
    assert.deepEqual(spread([9, 1, 2]), { median: 2, min: 1, max: 9 });
  });

  it('have ratios of each round by itself, not of medians', () => {
    const [naive, , ours] = rowsOf(ROUNDS);
    assert.deepEqual(naive?.toNaive, { median: 1, min: 1, max: 1 });
    assert.deepEqual(ours?.perSecond, { median: 3_000, min: 2_000, max: 8_000 });
    assert.deepEqual(ours.toNaive, { median: 3, min: 2, max: 4 });
    assert.deepEqual(ours.toEmpty, { median: 0.375, min: 0.25, max: 0.5 });
    assert.deepEqual(ours.cpuToNaive, { median: 4, min: 2, max: 4 });
  });

  it('have no ratio to what was not asked by as many', () => {
    const [alone] = rowsOf([[measured('ours@64', 100), measured('naive@16', 50)]]);
    assert.deepEqual([alone?.toNaive, alone?.toEmpty], [null, null]);
  });

  it('must be of the same cells', () => {
    const [first = [], second = []] = ROUNDS;
    assert.throws(() => rowsOf([first, second.slice(1)]), /naive@16 is missing/);
  });
});

describe('the comparison with committed ratios', () => {
  const rows = rowsOf(ROUNDS);

  it('keeps what is compared with naive, of the cells asked for', () => {
    assert.deepEqual(
      ratiosOf(rows, () => true),
      { 'ours@16': 3 },
    );
    assert.deepEqual(
      ratiosOf(rows, (cell) => cell !== 'ours@16'),
      {},
    );
  });

  it('loses beyond a fifth, and what is not there', () => {
    const judged = (was: number) => compare({ toNaive: { 'ours@16': was } }, rows)[0];
    assert.equal(judged(3.75)?.isLost, false);
    assert.equal(judged(3.76)?.isLost, true);
    assert.equal(judged(1)?.isLost, false);
    const [gone] = compare({ toNaive: { 'gone@16': 2 } }, rows);
    assert.deepEqual(gone, { cell: 'gone@16', was: 2, is: undefined, change: undefined, isLost: true });
  });

  it('says which and by how much', () => {
    const text = showCompared(compare({ toNaive: { 'ours@16': 6, 'gone@16': 2 } }, rows));
    assert.match(text, /^ours@16 +6\.00 +3\.00 +-50 % {2}lost$/m);
    assert.match(text, /^gone@16 +2\.00 +missing +lost$/m);
  });
});

describe('the cells', () => {
  it('have names of their own, and something to be compared with', () => {
    for (const cells of [FULL, SHORT]) {
      const ids = cells.map(cellId);
      assert.equal(new Set(ids).size, ids.length);
      for (const { connections } of cells)
        assert.ok(ids.includes(`naive@${connections}`), `naive@${connections}`);
      assert.ok(ids.includes(cellId(MAIN)));
    }
  });

  it('of the short form are all in the full one, which the committed ratios are of', () => {
    const full = FULL.map(cellId);
    for (const cell of SHORT) assert.ok(full.includes(cellId(cell)), cellId(cell));
  });

  it('asked for by name bring naive and empty along', () => {
    assert.deepEqual(only(FULL, 'sqlite+local+key@64').map(cellId), [
      'naive@64',
      'empty@64',
      'sqlite+local+key@64',
    ]);
    assert.throws(() => only(FULL, 'mysql'), /there is none of that name[^]*sqlite\+local\+key@1/);
  });
});

describe('what a run is shown by', () => {
  const machine = {
    ...{
      cpu: 'A <CPU>',
      cores: 2,
      memoryGb: 8,
      kernel: '6.1',
      node: 'v26.0.0',
      fileSystem: 'ext4',
      loadBefore: 0.1,
    },
  };
  const results: Results = {
    ...{ form: 'full', at: '2026-01-01T00:00:00.000Z', commit: 'abc', machine, rounds: ROUNDS },
    half: { cell: 'ours@16', rate: 1_500, rounds: [{ p50Ms: 1, p99Ms: 4.44, p999Ms: 9 }] },
    startMs: { sqlite: [700, 800, 750] },
  };

  it('is a table with a row for each cell', () => {
    const lines = tableOf(ROUNDS).split('\n');
    assert.equal(lines.length, 5);
    assert.equal(new Set(lines.map((line) => line.split('|').length)).size, 1);
    assert.match(lines[4] ?? '', /\| ours +\| +16 \| +3,000 \(2,000–8,000\) \| +3\.00 \(2\.00–4\.00\) \|/);
  });

  it('is notes on what is no row', () => {
    const notes = notesOf(results).join('\n');
    assert.match(notes, /1,500 a second for ours@16.*p99 4\.4 ms/);
    assert.match(notes, /budget 1,000 ms\): sqlite 750 ms \(700, 800, 750\)/);
    assert.match(
      notes,
      /full run of 3 rounds, 2026.*commit abc: 2 × A <CPU>, 8 GB.*load average before it 0\.1/,
    );
    assert.equal(notesOf({ ...results, half: null, startMs: {} }).length, 1);
  });

  it('is a chart with a bar for each variant, its figure, and names that are text', () => {
    const rounds = [
      ['naive', 'a<b'].map((variant) => measured(`${variant}@16`, variant === 'naive' ? 10 : 35)),
    ];
    const svg = chartOf(rowsOf(rounds));
    assert.equal(svg.match(/height="13" fill="#4c8dd6"/g)?.length, 2);
    assert.equal(svg.match(/height="13" fill="#d68a3c"/g), null, 'nothing ran with 64 connections');
    assert.match(svg, />a&lt;b<\/text>/);
    assert.match(svg, />3\.50<\/text>/);
    const widths = Array.from(svg.matchAll(/width="([\d.]+)" height="13"/g), ([, width]) => Number(width));
    assert.ok(Math.abs((widths[1] ?? 0) / (widths[0] ?? 1) - 3.5) < 0.01, widths.join());
  });

  it('is a chart without bars when there is nothing to show', () => assert.match(chartOf([]), /<\/svg>/));
});
