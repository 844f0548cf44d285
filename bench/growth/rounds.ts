import { readFileSync } from 'node:fs';
import type { Operation } from './operations.ts';

/** What one operation took with one size of the store. */
export interface Measured {
  /** Microseconds of single calls over all rounds. */
  readonly median: number;
  readonly p99: number;
  /** Of each round: the median of its calls, or where many are under way its time by their number; microseconds. */
  readonly rounds: readonly number[];
  /** Of this process for one call, the thread that writes among it. */
  readonly cpu: number;
  /** Bytes that this process has read, from a file or a socket, for one call. */
  readonly bytesRead: number;
}

/**
 * Measures one operation on stores of several sizes, a round of calls on each in turn: what else the machine does falls on all of them. The
 * first round does not count.
 * @param sizes the operation on each store.
 */
export async function measureInRounds(sizes: readonly Operation[], rounds: number): Promise<Measured[]> {
  const all = sizes.map(() => ({ times: [] as number[], rounds: [] as number[], cpu: 0, bytesRead: 0 }));
  for (let round = 0; round <= rounds; round += 1) {
    for (let turn = 0; turn < sizes.length; turn += 1) {
      const index = (round + turn) % sizes.length;
      const [operation, sums] = [sizes[index], all[index]];
      if (operation === undefined || sums === undefined) continue;
      const bytes = bytesRead();
      const cpu = process.cpuUsage();
      const begun = performance.now();
      const times = await callAll(operation);
      const took = performance.now() - begun;
      const { user, system } = process.cpuUsage(cpu);
      if (round === 0) continue;
      sums.times.push(...times);
      const median = at(
        times.toSorted((a, b) => a - b),
        0.5,
      );
      sums.rounds.push((operation.atOnce === 1 ? median : took / times.length) * 1_000);
      sums.cpu += (user + system) / times.length / rounds;
      sums.bytesRead += (bytesRead() - bytes) / times.length / rounds;
    }
  }
  return all.map(({ times, ...sums }) => {
    times.sort((a, b) => a - b);
    return { ...sums, median: at(times, 0.5) * 1_000, p99: at(times, 0.99) * 1_000 };
  });
}

async function callAll({ run, calls, atOnce }: Operation): Promise<number[]> {
  const times: number[] = [];
  let begun = 0;
  const ask = async (): Promise<void> => {
    while (begun < calls) {
      begun += 1;
      const from = performance.now();
      await run();
      times.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, ask));
  return times;
}

export interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** How much longer a round took than that of the other one beside it. */
export function ratioOf(large: Measured, small: Measured): Ratio {
  const ratios = large.rounds.map((took, round) => took / (small.rounds[round] ?? NaN)).sort((a, b) => a - b);
  return { median: at(ratios, 0.5), least: at(ratios, 0), most: at(ratios, 1) };
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;

/** Zero where the system does not say. */
function bytesRead(): number {
  try {
    return Number(/^rchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
  } catch {
    return 0;
  }
}
