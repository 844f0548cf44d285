import { cellId, MAIN, subjectId, type Cell } from './cells.ts';
import type { Job } from './job.ts';
import type { Outcome } from './generator.ts';
import type { Load } from './load.ts';
import { named, rowsOf, type AtHalf, type Measured } from './results.ts';
import type { Endpoint, World } from './world.ts';

export interface Pace {
  readonly rounds: number;
  /** Of a process that has answered nothing yet. */
  readonly coldSeconds: number;
  readonly warmSeconds: number;
  readonly seconds: number;
}

const CONTENT_TYPE = 'application/pdf';
const SLOT = { contentType: CONTENT_TYPE, size: 123_456 };

export class Bench {
  readonly #world: World;
  readonly #load: Load;
  readonly #pace: Pace;
  readonly #say: (line: string) => void;

  constructor(parts: { world: World; load: Load; pace: Pace; say: (line: string) => void }) {
    this.#world = parts.world;
    this.#load = parts.load;
    this.#pace = parts.pace;
    this.#say = parts.say;
  }

  /** Every other round backwards, so that nothing always comes first. */
  async rounds(cells: readonly Cell[]): Promise<Measured[][]> {
    await this.#warm(cells);
    const rounds: Measured[][] = [];
    for (let round = 0; round < this.#pace.rounds; round += 1) {
      const measured: Measured[] = [];
      for (const cell of round % 2 === 0 ? cells : cells.toReversed()) {
        const outcome = await this.run(cell);
        measured.push(measuredOf(cell, outcome));
        this.#say(lineOf(round, cell, outcome));
      }
      rounds.push(round % 2 === 0 ? measured : measured.toReversed());
    }
    return rounds;
  }

  async half(rounds: readonly (readonly Measured[])[], times: number): Promise<AtHalf | null> {
    const cell = cellId(MAIN);
    const peak = rowsOf(rounds).find((row) => row.cell === cell)?.perSecond.median;
    if (peak === undefined) return null;
    const rate = peak / 2;
    const outcomes = [];
    for (let time = 0; time < times; time += 1) {
      const { p50Ms, p99Ms, p999Ms } = await this.run(MAIN, { rate });
      outcomes.push({ p50Ms, p99Ms, p999Ms });
    }
    return { cell, rate, rounds: outcomes };
  }

  async run(cell: Cell, changed: Partial<Job> = {}): Promise<Outcome> {
    const endpoint = await this.#world.endpoint(cell.subject);
    const { warmSeconds, seconds } = this.#pace;
    const job = { ...this.#job(cell, endpoint), warmSeconds, seconds, ...changed };
    try {
      return await this.#load.run({ job, pid: endpoint.pid, storePid: endpoint.storePid });
    } catch (error) {
      throw new Error(`${cellId(cell)}: ${(error as Error).message}`, { cause: error });
    }
  }

  #job(cell: Cell, endpoint: Endpoint): Omit<Job, 'warmSeconds' | 'seconds'> {
    const { connections } = cell;
    const tokens = this.#world.tokensFor(cell, endpoint);
    if (cell.auth === undefined)
      return {
        ...{ url: endpoint.url, path: '/uploads', status: 200, tokens, connections },
        body: JSON.stringify({ contentType: CONTENT_TYPE }),
      };
    const [path, body] =
      cell.slots === 1
        ? ['/v1/uploads', SLOT]
        : ['/v1/uploads/batch', { uploads: Array.from({ length: cell.slots }, () => SLOT) }];
    return { url: endpoint.url, path, status: 201, tokens, connections, body: JSON.stringify(body) };
  }

  /** Each process once, by all the ways that it will be asked, until V8 has compiled them. */
  async #warm(cells: readonly Cell[]): Promise<void> {
    const bySubject = Map.groupBy(cells, ({ subject }) => subjectId(subject));
    for (const [, ways] of bySubject) {
      const different = [...new Map(ways.map((cell) => [`${cell.auth} ${cell.slots}`, cell])).values()];
      const seconds = Math.max(0.5, this.#pace.coldSeconds / different.length);
      for (const cell of different) await this.run(cell, { warmSeconds: 0, seconds });
    }
  }
}

function measuredOf(cell: Cell, outcome: Outcome): Measured {
  const { answers, seconds, p50Ms, p99Ms, p999Ms, loadCores, storeCpuSeconds } = outcome;
  const made = answers * cell.slots;
  return {
    ...named(cell),
    ...{ perSecond: made / seconds, p50Ms, p99Ms, p999Ms, loadCores },
    cpuMicroseconds: (outcome.cpuSeconds / made) * 1e6,
    storeCpuMicroseconds: storeCpuSeconds === undefined ? null : (storeCpuSeconds / made) * 1e6,
    rssMb: outcome.memory.rssMb,
  };
}

function lineOf(round: number, cell: Cell, { perSecond, p99Ms }: Outcome): string {
  return `round ${round + 1}  ${cellId(cell).padEnd(28)} ${(perSecond * cell.slots).toFixed(0).padStart(7)}/s  p99 ${p99Ms.toFixed(1)} ms`;
}
