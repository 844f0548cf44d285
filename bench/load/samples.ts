/** What a replica says of its own process. */
export interface Sample {
  /** Seconds since the first sample. */
  readonly at: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** File descriptors: connections of all kinds among them. */
  readonly fds: number;
  /** libuv's active handles. */
  readonly handles: number;
  readonly lagP99Ms: number;
  readonly cpuSeconds: number;
}

const NAMES = {
  rssBytes: 'process_resident_memory_bytes',
  heapBytes: 'nodejs_heap_size_used_bytes',
  fds: 'process_open_fds',
  handles: 'nodejs_active_handles_total',
  lagP99Ms: 'nodejs_eventloop_lag_p99_seconds',
  cpuSeconds: 'process_cpu_seconds_total',
} as const;

/** @param text of `/metrics`. @throws when a figure is missing. */
export function readSample(text: string, at: number): Sample {
  const value = (name: string): number => {
    const [, figure] = new RegExp(`^${name} (\\S+)`, 'm').exec(text) ?? [];
    if (figure === undefined) throw new Error(`/metrics has no ${name}`);
    return Number(figure);
  };
  return {
    at,
    rssBytes: value(NAMES.rssBytes),
    heapBytes: value(NAMES.heapBytes),
    fds: value(NAMES.fds),
    handles: value(NAMES.handles),
    lagP99Ms: value(NAMES.lagP99Ms) * 1_000,
    cpuSeconds: value(NAMES.cpuSeconds),
  };
}

/** Asks `/metrics` of the admin listener, at once and then every so often, until `stop`. */
export class Sampler {
  readonly #samples: Sample[] = [];
  readonly #url: string;
  readonly #begun = performance.now();
  readonly #timer: NodeJS.Timeout;
  #missed = 0;
  #last: Promise<void>;

  constructor(adminUrl: string, everyMs: number) {
    this.#url = `${adminUrl}/metrics`;
    this.#last = this.#take();
    this.#timer = setInterval(() => {
      this.#last = this.#last.then(() => this.#take());
    }, everyMs);
  }

  /** @returns also how often there was no answer: a replica may be down meanwhile. */
  async stop(): Promise<{ samples: readonly Sample[]; missed: number }> {
    clearInterval(this.#timer);
    await this.#last;
    await this.#take();
    return { samples: this.#samples, missed: this.#missed };
  }

  async #take(): Promise<void> {
    const at = (performance.now() - this.#begun) / 1_000;
    try {
      const answer = await fetch(this.#url);
      this.#samples.push(readSample(await answer.text(), at));
    } catch {
      this.#missed += 1;
    }
  }
}
