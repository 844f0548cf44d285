import type { Adoption, ForeignObject } from '../../uploads/adopt.ts';
import { allToTheirEnd, patiently, unlessUnavailable, type Pause } from '../../uploads/patience.ts';
import type { Row } from './rows.ts';

const PARALLEL = 8;
const GIVE_UP_AFTER = 20;

export type RowOutcome = Adoption | { readonly kind: 'bad_row' | 'unavailable'; readonly detail: string };

export interface ImportRun {
  readonly rows: AsyncGenerator<Row, void>;
  readonly adopt: (object: ForeignObject) => Promise<Adoption>;
  /** Called once a row, in the order in which rows end. */
  readonly report: (row: Row, outcome: RowOutcome) => void;
  /** Aborted by a signal to this process, or by `takeOver` itself. No row is begun then, and reading `rows` must end. */
  readonly stop: AbortController;
  /** Resolves after so many milliseconds, or at once when stopped. */
  readonly pause: Pause;
}

/**
 * Eight rows at a time, whatever their number.
 * @returns true when nothing answered for so many rows in a row that it gave up.
 */
export async function takeOver(run: ImportRun): Promise<boolean> {
  const { report, stop } = run;
  let unavailable = 0;

  async function worker(): Promise<void> {
    for (let row = await nextRow(run); row !== undefined; row = await nextRow(run)) {
      const outcome = await settle(run, row);
      if (outcome.kind === 'unavailable') unavailable += 1;
      else if (outcome.kind !== 'bad_row') unavailable = 0;
      report(row, outcome);
      if (unavailable >= GIVE_UP_AFTER) stop.abort();
    }
  }

  await allToTheirEnd(PARALLEL, worker, stop);
  return unavailable >= GIVE_UP_AFTER;
}

/** @returns undefined at the end, and once stopped, when the input is torn away. */
async function nextRow({ rows, stop }: ImportRun): Promise<Row | undefined> {
  const stopped = (): boolean => stop.signal.aborted;
  if (stopped()) return undefined;
  try {
    const next = await rows.next();
    return next.done === true || stopped() ? undefined : next.value;
  } catch (error) {
    if (stopped()) return undefined;
    throw error;
  }
}

/** Once stopped, what does not answer is not asked again. */
async function settle({ adopt, stop, pause }: ImportRun, row: Row): Promise<RowOutcome> {
  if ('problem' in row) return { kind: 'bad_row', detail: row.problem };
  const { object } = row;
  return unlessUnavailable(() => patiently(() => adopt(object), pause, stop.signal));
}
