import type { Operation } from './operations.ts';

export interface Measured {
  /** Milliseconds. */
  readonly median: number;
  readonly p99: number;
}

/** One after the other, after a few that do not count: 20, or a fifth of them. */
export async function measure({ run, isHeavy }: Operation, most: number): Promise<Measured> {
  const times = isHeavy === true ? Math.ceil(most / 20) : most;
  for (let count = 0; count < Math.min(20, times / 5); count += 1) await run();
  const took: number[] = [];
  for (let count = 0; count < times; count += 1) {
    const begun = performance.now();
    await run();
    took.push(performance.now() - begun);
  }
  took.sort((a, b) => a - b);
  const at = (share: number): number =>
    took[Math.min(took.length - 1, Math.floor(share * took.length))] ?? NaN;
  return { median: at(0.5), p99: at(0.99) };
}
