import { FULL, only, SHORT } from './cells.ts';
import type { Load } from './load.ts';
import { commit, machine } from './machine.ts';
import { Bench, type Pace } from './measure.ts';
import type { Results } from './results.ts';
import { startTimes } from './start-time.ts';
import type { World } from './world.ts';

const FULL_PACE: Pace = { rounds: 3, coldSeconds: 6, warmSeconds: 1, seconds: 4 };
const SHORT_PACE: Pace = { rounds: 3, coldSeconds: 3, warmSeconds: 0.4, seconds: 2 };

/** What stands in the results beside the figures; taken before anything runs. */
export function circumstances(): Pick<Results, 'machine' | 'commit' | 'at'> {
  return { machine: machine(), commit: commit(), at: new Date().toISOString() };
}

/**
 * A run of one form.
 * @param name only cells with it in their id, and what they are compared with.
 * @throws at the first answer that is not the expected one.
 */
export async function runForm(
  form: Results['form'],
  parts: { readonly world: World; readonly load: Load; readonly say: (line: string) => void },
  name?: string,
): Promise<Results> {
  const around = circumstances();
  const all = form === 'short' ? SHORT : FULL;
  const bench = new Bench({ ...parts, pace: form === 'short' ? SHORT_PACE : FULL_PACE });
  const rounds = await bench.rounds(name === undefined ? all : only(all, name));
  const isWhole = form === 'full' && name === undefined;
  const half = await bench.half(rounds, isWhole ? 3 : 1);
  const startMs = isWhole ? await startTimes(parts.world, ['sqlite', 'postgres']) : {};
  return { form, ...around, rounds, half, startMs };
}
