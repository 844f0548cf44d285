import { cellId, variantOf, type Cell } from './cells.ts';
import { median, spread, type Spread } from './stats.ts';

/** Of one cell in one round. */
export interface Measured {
  readonly cell: string;
  readonly variant: string;
  readonly connections: number;
  /** Slots a second, or answers of what makes none. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Microseconds of CPU that the process took for each of these. */
  readonly cpuMicroseconds: number;
  /** The same of the database's server. */
  readonly storeCpuMicroseconds: number | null;
  readonly rssMb: number;
  readonly loadCores: number;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly fileSystem: string;
  /** Of the last minute, before the run: what else wanted the cores. */
  readonly loadBefore: number;
}

/** At half of the peak of `variant`, each answer counted from when it was due. */
export interface AtHalf {
  readonly cell: string;
  readonly rate: number;
  readonly rounds: readonly { readonly p50Ms: number; readonly p99Ms: number; readonly p999Ms: number }[];
}

export interface Results {
  readonly form: string;
  readonly at: string;
  readonly commit: string;
  readonly machine: Machine;
  readonly rounds: readonly (readonly Measured[])[];
  readonly half: AtHalf | null;
  /** From the start of the process to `ready`. */
  readonly startMs: Readonly<Record<string, readonly number[]>>;
}

/** A cell over all rounds. Its ratios are of what ran in the same round with as many connections. */
export interface Row extends Omit<Measured, 'perSecond'> {
  readonly perSecond: Spread;
  readonly toNaive: Spread | null;
  readonly toEmpty: Spread | null;
  /** The CPU of naive ÷ its own: says the same on a machine that others keep busy. */
  readonly cpuToNaive: Spread | null;
}

export function named(cell: Cell): Pick<Measured, 'cell' | 'variant' | 'connections'> {
  return { cell: cellId(cell), variant: variantOf(cell), connections: cell.connections };
}

export function rowsOf(rounds: Results['rounds']): Row[] {
  const [first = []] = rounds;
  return first.map(({ cell, variant, connections }) => {
    const measured = rounds.map((round) => find(round, cell));
    const middle = (of: (one: Measured) => number): number => median(measured.map(of));
    const to = (
      baseline: string,
      ratio: (own: Measured, base: Measured) => number = (own, base) => own.perSecond / base.perSecond,
    ): Spread | null => {
      const ratios = rounds.flatMap((round) => {
        const base = round.find((other) => other.cell === `${baseline}@${connections}`);
        return base === undefined ? [] : [ratio(find(round, cell), base)];
      });
      return ratios.length === 0 ? null : spread(ratios);
    };
    const hasStore = measured.every(({ storeCpuMicroseconds }) => storeCpuMicroseconds !== null);
    return {
      ...{ cell, variant, connections },
      perSecond: spread(measured.map(({ perSecond }) => perSecond)),
      p50Ms: middle(({ p50Ms }) => p50Ms),
      p99Ms: middle(({ p99Ms }) => p99Ms),
      p999Ms: middle(({ p999Ms }) => p999Ms),
      cpuMicroseconds: middle(({ cpuMicroseconds }) => cpuMicroseconds),
      storeCpuMicroseconds: hasStore ? middle(({ storeCpuMicroseconds }) => storeCpuMicroseconds ?? 0) : null,
      rssMb: middle(({ rssMb }) => rssMb),
      loadCores: middle(({ loadCores }) => loadCores),
      toNaive: to('naive'),
      toEmpty: to('empty'),
      cpuToNaive: to('naive', (own, base) => base.cpuMicroseconds / own.cpuMicroseconds),
    };
  });
}

function find(round: readonly Measured[], cell: string): Measured {
  const found = round.find((one) => one.cell === cell);
  if (found === undefined) throw new Error(`${cell} is missing in a round`);
  return found;
}
