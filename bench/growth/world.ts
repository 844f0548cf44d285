import type { Store } from '../../src/store/port.ts';
import type { Known } from './operations.ts';
import { DAY_MS, dueOf, idBehind, TENANT } from './shape.ts';

/** A store that has been filled, opened as the process that serves does. */
export interface World {
  readonly slots: number;
  readonly filledAt: number;
  readonly known: Known;
  readonly store: Store;
  /** Past the store: so many expired slots are due since `at`. */
  makeDue(count: number, at: number): Promise<void>;
  /** How many were due at that time. */
  countDue(at: number): Promise<number>;
}

/** Smaller stores are filled anew each time: so that a series of runs does not make them larger, or use up what there is to purge. */
export const KEPT_FROM = 500_000;

/** As many are due as when it was filled, whatever earlier runs have left. @param run runs a statement past the store. */
export async function refreshDue(
  { makeDue, filledAt, slots }: Pick<World, 'makeDue' | 'filledAt' | 'slots'>,
  run: (sql: string) => Promise<unknown>,
): Promise<void> {
  await run(
    `UPDATE uploads SET next_check_at = ${filledAt + 30 * DAY_MS} WHERE next_check_at <= ${filledAt + CLAIMED_MS}`,
  );
  await makeDue(dueOf(slots), filledAt);
}

/** A run claims what is due for a later moment of these milliseconds. */
const CLAIMED_MS = 60_000;

/**
 * Slots that are due together were made together: a row of those that have expired, from somewhere in the store on.
 * @returns a statement that makes them due at `at`.
 */
export function dueSql(slots: number, filledAt: number, count: number, at: number): string {
  // A twenty-fifth are expired ones of the tenant.
  const from = idBehind(Math.random() * Math.max(0, 1 - (30 * count) / slots), filledAt);
  return `UPDATE uploads SET next_check_at = ${at} WHERE id IN (
    SELECT id FROM uploads WHERE tenant = '${TENANT}' AND state = 'expired' AND forgotten_at IS NULL AND id > '${from}'
    ORDER BY id LIMIT ${Math.floor(count)})`;
}
