import type { Store } from '../../src/store/port.ts';
import type { Known } from './operations.ts';
import { DUE } from './shape.ts';

/** A store that has been filled, opened as the process that serves does. */
export interface World {
  readonly slots: number;
  readonly filledAt: number;
  readonly known: Known;
  readonly store: Store;
  /** Past the store: expired slots of all ages are due since `at`, so many or some more. */
  makeDue(count: number, at: number): Promise<void>;
  /** How many were due at that time. */
  countDue(at: number): Promise<number>;
}

/** Smaller stores are filled anew each time: so that a series of runs does not make them larger, or use up what there is to purge. */
export const KEPT_FROM = 500_000;

/** A run claims what is due for a later moment of these milliseconds. */
const CLAIMED_MS = 10_000;

const DUE_AGAIN = `UPDATE uploads SET next_check_at = $1 WHERE next_check_at > $1 AND next_check_at <= $1 + ${CLAIMED_MS}`;

/** So many are due as when it was filled, whatever earlier runs have done. @param run takes `filledAt` as its only parameter. */
export async function refreshDue(
  { makeDue, countDue, filledAt }: Pick<World, 'makeDue' | 'countDue' | 'filledAt'>,
  run: (sql: string) => Promise<unknown>,
): Promise<void> {
  await run(DUE_AGAIN);
  const missing = DUE - (await countDue(filledAt));
  if (missing > DUE / 2) await makeDue(missing, filledAt);
}
