/** The process of the load: one job at a time, as `load.ts` sends them. */
import { drive, type Window } from './drive.ts';
import type { Job } from './job.ts';
import { cpuSecondsBelow, cpuSecondsOf, memoryOf, type Memory } from './proc.ts';

export interface Order {
  readonly job: Job;
  /** Whose CPU and memory are read as the window begins and ends. */
  readonly pid: number;
  /** The server of its store, if there is one. */
  readonly storePid: number | undefined;
}

export interface Outcome extends Window {
  readonly cpuSeconds: number;
  readonly storeCpuSeconds: number | undefined;
  readonly memory: Memory;
  /** How much of a core this process took itself. */
  readonly loadCores: number;
}

export type Reply = { readonly outcome: Outcome } | { readonly failure: string };

async function carryOut({ job, pid, storePid }: Order): Promise<Outcome> {
  const read = () => ({
    own: cpuSecondsOf(process.pid),
    service: cpuSecondsOf(pid),
    store: storePid === undefined ? undefined : cpuSecondsBelow(storePid),
  });
  const readings: ReturnType<typeof read>[] = [];
  const window = await drive(job, { window: () => readings.push(read()) });
  const [from, to] = readings;
  if (from === undefined || to === undefined) throw new Error('a window begins and ends');
  return {
    ...window,
    cpuSeconds: to.service - from.service,
    storeCpuSeconds: from.store === undefined || to.store === undefined ? undefined : to.store - from.store,
    memory: memoryOf(pid),
    loadCores: (to.own - from.own) / window.seconds,
  };
}

process.on('message', (order: Order) => {
  carryOut(order).then(
    (outcome) => process.send?.({ outcome }),
    (error: unknown) => process.send?.({ failure: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit());
