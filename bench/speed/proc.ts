import { readdirSync, readFileSync } from 'node:fs';

/** Of Linux, on all that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly parent: number;
  /** User and system, of all its threads. */
  readonly ticks: number;
  /** Of its children that have ended. */
  readonly endedTicks: number;
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name before may hold anything.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const at = (index: number): number => fields[index] ?? 0;
    return { parent: at(1), ticks: at(11) + at(12), endedTicks: at(13) + at(14) };
  } catch {
    return undefined;
  }
}

/** CPU seconds of a process. @throws when it is gone. */
export function cpuSecondsOf(pid: number): number {
  const stat = statOf(pid);
  if (stat === undefined) throw new Error(`process ${pid} is gone`);
  return stat.ticks / TICKS_PER_SECOND;
}

/** The same with all that it has started: PostgreSQL has a process for each connection. */
export function cpuSecondsBelow(pid: number): number {
  const stat = statOf(pid);
  if (stat === undefined) throw new Error(`process ${pid} is gone`);
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((other) => other?.parent === pid);
  const below = children.reduce((sum, child) => sum + (child?.ticks ?? 0), 0);
  return (stat.ticks + stat.endedTicks + below) / TICKS_PER_SECOND;
}

export interface Memory {
  readonly rssMb: number;
  /** The most there ever was. */
  readonly peakMb: number;
}

/** MB of a million bytes. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  const mb = (name: string): number => {
    const [, kib] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text) ?? [];
    return (Number(kib) * 1_024) / 1e6;
  };
  return { rssMb: mb('VmRSS'), peakMb: mb('VmHWM') };
}
