export interface Line {
  /** Of y for each step of x. */
  readonly slope: number;
  /** What chance alone lets the slope vary by. */
  readonly standardError: number;
  readonly mean: number;
}

/** The straight line that is nearest to the points by least squares. @throws with fewer than three points. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Line {
  const n = points.length;
  if (n < 3) throw new Error('a line needs three points');
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const mean = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const xx = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const xy = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - mean), 0);
  const slope = xy / xx;
  const residual = points.reduce((sum, [x, y]) => sum + (y - mean - slope * (x - meanX)) ** 2, 0);
  return { slope, mean, standardError: Math.sqrt(residual / (n - 2) / xx) };
}
