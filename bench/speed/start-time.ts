import type { StoreKind } from './cells.ts';
import type { World } from './world.ts';

export const BUDGET_MS = 1_000;
const TIMES = 5;

/** From the start of the process to `ready`, of a service that has been started before. */
export async function startTimes(
  world: World,
  stores: readonly StoreKind[],
): Promise<Record<string, number[]>> {
  const times: Record<string, number[]> = {};
  for (const store of stores) {
    const installed = await world.install({ store, custody: 'local' });
    const taken: number[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      const service = await world.start(installed);
      taken.push(service.readyMs);
      await service.stop();
    }
    times[store] = taken;
  }
  return times;
}
