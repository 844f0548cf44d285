import { DependencyUnavailable } from '../../../../errors.ts';
import { isLockTimeout, isOfValues } from '../errors.ts';
import type { InsertCall, Verdict } from './settle.ts';

/** Some may each wait for a lock, and others are to get their turn, and connections for other things to be left. */
const AT_ONCE = 3;

type Settle = (calls: readonly InsertCall[]) => Promise<readonly Verdict[]>;

/**
 * A group that was refused for the sake of some of its calls, again in parts: the others have not deserved it. What no statement takes is of
 * one call; a lock that was not had in time is of all calls that want the same ones.
 * @returns undefined when it was refused for the sake of all.
 */
export async function settleApart(
  settle: Settle,
  calls: readonly InsertCall[],
  error: unknown,
): Promise<Verdict[] | undefined> {
  const parts = partsOf(calls, error);
  if (parts.length < 2) return undefined;
  const verdicts: Verdict[] = calls.map(() => ({ kind: 'again' }));
  const left = parts.values();
  const lane = async (): Promise<void> => {
    for (const part of left) {
      const settled = await settlePart(
        settle,
        part.flatMap((n) => calls[n] ?? []),
      );
      for (const [index, n] of part.entries()) verdicts[n] = settled[index] ?? { kind: 'again' };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return verdicts;
}

/** Each call by its place. */
function partsOf(calls: readonly InsertCall[], error: unknown): number[][] {
  const places = calls.map((_, n) => n);
  if (isOfValues(error)) return places.map((n) => [n]);
  if (!isLockTimeout(error)) return [places];
  return [...Map.groupBy(calls.entries(), ([, call]) => locksOf(call)).values()].map((some) =>
    some.map(([n]) => n),
  );
}

/** What a call may wait for: its grant, its quotas, and what its keys are wrapped by. */
function locksOf({ grant, quotas, slots }: InsertCall): string {
  const keks = new Set(slots.map(({ key }) => key.kekId));
  return JSON.stringify([grant?.id, quotas.map(({ tenant, principal }) => [tenant, principal]), [...keks]]);
}

async function settlePart(settle: Settle, part: readonly InsertCall[]): Promise<readonly Verdict[]> {
  try {
    return await settle(part);
  } catch (error) {
    if (!(error instanceof DependencyUnavailable)) throw error;
    return part.map(() => ({ kind: 'refused', error }));
  }
}
