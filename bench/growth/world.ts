import type { Store } from '../../src/store/port.ts';
import type { Known } from './operations.ts';
import { DAY_MS, dueOf, idAt, idBehind, TENANT } from './shape.ts';

/** A store that has been filled, opened as the process that serves does. */
export interface World {
  readonly slots: number;
  readonly filledAt: number;
  readonly known: Known;
  readonly store: Store;
  /** One statement past the store. @returns its rows. */
  readonly run: (sql: string) => Promise<readonly Record<string, unknown>[]>;
}

/** Smaller stores are filled anew each time: so that a series of runs does not make them larger, or use up what there is to purge. */
export const KEPT_FROM = 500_000;

/** A run claims what is due for a later moment of these milliseconds. */
const CLAIMED_MS = 60_000;

/** As it was filled, whatever earlier runs have made of it: else each would find more open slots than the one before. */
export async function tidy(world: World): Promise<void> {
  const { run, filledAt, slots } = world;
  const made = `>= '${idAt(filledAt)}'`;
  // Those of the fill are hashes, of 32 letters.
  await run('DELETE FROM idempotency WHERE length(key) > 32');
  await run(`DELETE FROM keys WHERE upload_id ${made}`);
  await run(`DELETE FROM uploads WHERE id ${made}`);
  await postponeDue(world, filledAt + CLAIMED_MS);
  await makeDue(world, dueOf(slots), filledAt);
}

/** Nothing is due before the time. */
export async function postponeDue({ run }: World, until: number): Promise<void> {
  await run(`UPDATE uploads SET next_check_at = ${until + 30 * DAY_MS} WHERE next_check_at <= ${until}`);
}

/** Slots that are due together were made together: a row of those that have expired, from somewhere in the store on. */
export async function makeDue({ run, slots, filledAt }: World, count: number, at: number): Promise<void> {
  // A twenty-fifth are expired ones of the tenant.
  const from = idBehind(Math.random() * Math.max(0, 1 - (30 * count) / slots), filledAt);
  await run(`UPDATE uploads SET next_check_at = ${at} WHERE id IN (
    SELECT id FROM uploads WHERE tenant = '${TENANT}' AND state = 'expired' AND forgotten_at IS NULL AND id > '${from}'
    ORDER BY id LIMIT ${Math.floor(count)})`);
}

export async function countDue({ run }: World, at: number): Promise<number> {
  const [row] = await run(`SELECT count(*) AS due FROM uploads WHERE next_check_at <= ${at}`);
  return Number(row?.['due']);
}
