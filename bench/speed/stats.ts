export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws of no figures at all. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new Error('a median needs a figure');
  return (low + high) / 2;
}

export function spread(figures: readonly number[]): Spread {
  return { median: median(figures), min: Math.min(...figures), max: Math.max(...figures) };
}
