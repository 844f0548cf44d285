import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ImportReport } from '../../../../src/cli/import/report.ts';
import type { Row } from '../../../../src/cli/import/rows.ts';
import { takeOver, type ImportRun, type RowOutcome } from '../../../../src/cli/import/run.ts';
import { CustomerKey } from '../../../../src/custody/customer-key.ts';
import { DependencyUnavailable } from '../../../../src/errors.ts';
import type { Adoption } from '../../../../src/uploads/adopt.ts';

const KEY = CustomerKey.generate();
const good = (line: number): Row => ({
  line,
  object: { bucket: 'photos', objectKey: String(line), key: KEY },
});
const down = () => new DependencyUnavailable('s3', new Error('connect ECONNREFUSED'));
const adopted = (id: string): Adoption => ({ kind: 'adopted', id });

async function* rowsOf(...rows: Row[]): AsyncGenerator<Row, void> {
  yield* rows;
}

const many = (count: number) => rowsOf(...Array.from({ length: count }, (_, n) => good(n + 1)));

interface Seen {
  readonly outcomes: Map<number, RowOutcome>;
  readonly pauses: number[];
  readonly gaveUp: boolean;
}

async function runOver(
  rows: AsyncGenerator<Row, void>,
  adopt: ImportRun['adopt'],
  stop = new AbortController(),
): Promise<Seen> {
  const outcomes = new Map<number, RowOutcome>();
  const pauses: number[] = [];
  const gaveUp = await takeOver({
    rows,
    adopt,
    report: (row, outcome) => void outcomes.set(row.line, outcome),
    stop,
    pause: async (milliseconds) => void pauses.push(milliseconds),
  });
  return { outcomes, pauses, gaveUp };
}

describe('taking rows over', () => {
  it('eight at a time', async () => {
    let inHand = 0;
    let most = 0;
    const { outcomes, gaveUp } = await runOver(many(100), async ({ objectKey }) => {
      most = Math.max(most, (inHand += 1));
      await new Promise(setImmediate);
      inHand -= 1;
      return adopted(objectKey);
    });
    assert.equal(most, 8);
    assert.equal(outcomes.size, 100);
    assert.equal(gaveUp, false);
  });

  it('what is unavailable is tried four times with growing pauses, then reported with its cause', async () => {
    let calls = 0;
    const { outcomes, pauses, gaveUp } = await runOver(rowsOf(good(1)), async () => {
      calls += 1;
      throw down();
    });
    assert.equal(calls, 4);
    assert.equal(pauses.length, 3);
    for (const [n, pause] of pauses.entries()) assert.ok(pause >= 0 && pause <= 500 * 2 ** n);
    const outcome = outcomes.get(1);
    assert.equal(outcome?.kind, 'unavailable');
    assert.match((outcome as { detail: string }).detail, /"s3".*ECONNREFUSED/);
    assert.equal(gaveUp, false);
  });

  it('what is back in time is no failure', async () => {
    let calls = 0;
    const { outcomes } = await runOver(rowsOf(good(1)), async () => {
      calls += 1;
      if (calls < 4) throw down();
      return adopted('id');
    });
    assert.deepEqual(outcomes.get(1), adopted('id'));
  });

  it('gives up when 20 rows in a row meet nothing; bad rows do not count', async () => {
    let begun = 0;
    const bad = (line: number): Row => ({ line, problem: 'no' });
    const rows = Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? good(n) : bad(n)));
    const { gaveUp } = await runOver(rowsOf(...rows), async () => {
      begun += 1;
      throw down();
    });
    assert.equal(gaveUp, true);
    assert.ok(begun >= 20 * 4 && begun <= 28 * 4, `${begun} calls`);
  });

  it('goes on when some of them are answered', async () => {
    const { gaveUp, outcomes } = await runOver(many(200), async ({ objectKey }) => {
      if (Number(objectKey) % 10 !== 0) throw down();
      return adopted(objectKey);
    });
    assert.equal(gaveUp, false);
    assert.equal(outcomes.size, 200);
  });

  it('once stopped, finishes what is in hand and begins nothing', async () => {
    const stop = new AbortController();
    let begun = 0;
    const { outcomes, gaveUp } = await runOver(
      many(100),
      async ({ objectKey }) => {
        begun += 1;
        if (begun === 8) stop.abort();
        await new Promise(setImmediate);
        return adopted(objectKey);
      },
      stop,
    );
    assert.equal(begun, 8);
    assert.equal(outcomes.size, 8);
    assert.equal(gaveUp, false);
  });

  it('once stopped, does not mind an input that is torn away', async () => {
    const stop = new AbortController();
    const torn = new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
    async function* rows(): AsyncGenerator<Row, void> {
      yield good(1);
      await torn;
      throw new Error('premature close');
    }
    const { outcomes } = await runOver(
      rows(),
      async () => {
        stop.abort();
        return adopted('id');
      },
      stop,
    );
    assert.equal(outcomes.size, 1);
  });

  it('an unforeseen error ends it, after what is in hand', async () => {
    const outcomes: number[] = [];
    const run = takeOver({
      rows: many(100),
      adopt: async ({ objectKey }) => {
        await new Promise(setImmediate);
        if (objectKey === '3') throw new TypeError('unforeseen');
        return adopted(objectKey);
      },
      report: (row) => void outcomes.push(row.line),
      stop: new AbortController(),
      pause: async () => undefined,
    });
    await assert.rejects(run, { message: 'unforeseen' });
    for (const line of [1, 2, 4, 5, 6, 7, 8]) assert.ok(outcomes.includes(line), `line ${line} was in hand`);
    assert.ok(outcomes.length < 16, 'and hardly more was begun');
  });
});

describe('the report', () => {
  const written = (json: boolean, isTTY = false) => {
    const text = { stdout: '', stderr: '' };
    const report = new ImportReport(
      { write: (words) => (text.stdout += words) },
      { isTTY, write: (words) => (text.stderr += words) },
      json,
    );
    report.row(good(2), adopted('a'));
    report.row(good(3), { kind: 'already', id: 'b' });
    report.row(
      { line: 4, object: { bucket: 'photos', objectKey: 'x\x1b[2J', key: KEY } },
      { kind: 'wrong_key', detail: 'S3 refuses this key (403)' },
    );
    report.row(
      { line: 5, problem: 'it must have 3 columns' },
      { kind: 'bad_row', detail: 'it must have 3 columns' },
    );
    report.end('Interrupted.');
    assert.equal(report.failed, 2);
    return text;
  };

  it('a line on standard error for each row that failed, and the counts on standard output', () => {
    assert.deepEqual(written(false), {
      stdout: '1 adopted, 1 already there, 2 failed\n',
      stderr:
        'line 4: wrong_key "photos/x\\u001b[2J": S3 refuses this key (403)\n' +
        'line 5: bad_row: it must have 3 columns\n' +
        'Interrupted.\n',
    });
  });

  it('as JSON, a line on standard output for each row', () => {
    const { stdout, stderr } = written(true);
    assert.equal(stderr, 'Interrupted.\n');
    assert.deepEqual(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
      [
        { line: 2, bucket: 'photos', objectKey: '2', outcome: 'adopted', id: 'a' },
        { line: 3, bucket: 'photos', objectKey: '3', outcome: 'already', id: 'b' },
        {
          line: 4,
          bucket: 'photos',
          objectKey: 'x\x1b[2J',
          outcome: 'failed',
          code: 'wrong_key',
          detail: 'S3 refuses this key (403)',
        },
        { line: 5, outcome: 'failed', code: 'bad_row', detail: 'it must have 3 columns' },
      ],
    );
  });

  it('on a terminal, the counts so far are overwritten by what follows', () => {
    const { stderr } = written(false, true);
    assert.ok(stderr.startsWith('\r\x1b[K1 adopted, 0 already there, 0 failed\r\x1b[Kline 4: '), stderr);
  });
});
