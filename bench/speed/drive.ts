import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from './connection.ts';
import { requestOf, type Job } from './job.ts';

export interface Window {
  readonly answers: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

const MOST_MICROSECONDS = 3_600e6;
const TICK_MS = 1;

/** @param on told when the measured window begins and ends. @throws at the first answer that is not as expected. */
export async function drive(job: Job, on: { readonly window: () => void }): Promise<Window> {
  const histogram = createHistogram({ lowest: 1, highest: MOST_MICROSECONDS, figures: 3 });
  const over = new AbortController();
  const { signal } = over;
  const pause = (seconds: number): Promise<void> => delay(seconds * 1_000, undefined, { signal });
  const failure = Promise.withResolvers<never>();
  const load = new Load(job, histogram, failure.reject);
  try {
    const run = async (): Promise<Window> => {
      load.begin();
      await pause(job.warmSeconds);
      histogram.reset();
      on.window();
      const begun = performance.now();
      await (job.answers === undefined ? pause(job.seconds) : load.answered(job.answers));
      const seconds = (performance.now() - begun) / 1_000;
      on.window();
      return windowOf(histogram, seconds);
    };
    return await Promise.race([run(), failure.promise]);
  } finally {
    load.end();
    over.abort();
  }
}

function windowOf(histogram: RecordableHistogram, seconds: number): Window {
  const { count } = histogram;
  if (count === 0) throw new Error('nothing was answered');
  const ms = (percent: number): number => histogram.percentile(percent) / 1_000;
  const latencies = { p50Ms: ms(50), p99Ms: ms(99), p999Ms: ms(99.9), maxMs: histogram.max / 1_000 };
  return { answers: count, seconds, perSecond: count / seconds, ...latencies };
}

class Load {
  readonly #connections: readonly Connection[];
  readonly #since: number[] = [];
  readonly #histogram: RecordableHistogram;
  readonly #rate: number | undefined;
  #idle: number[] = [];
  #due: number[] = [];
  #next = 0;
  #timer: NodeJS.Timeout | undefined;
  #onCount: { readonly count: number; readonly reached: () => void } | undefined;

  constructor(job: Job, histogram: RecordableHistogram, onFailure: (error: Error) => void) {
    this.#histogram = histogram;
    this.#rate = job.rate;
    const url = new URL(job.url);
    this.#connections = Array.from({ length: job.connections }, (_, index) => {
      const ask = { request: requestOf(job, url, job.tokens[index % job.tokens.length]), status: job.status };
      return new Connection(url, ask, { answer: () => this.#answered(index), failure: onFailure });
    });
  }

  begin(): void {
    const now = performance.now();
    if (this.#rate === undefined) {
      for (const index of this.#connections.keys()) this.#send(index, now);
      return;
    }
    this.#idle = [...this.#connections.keys()];
    this.#next = now;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Resolves at so many answers since the histogram was cleared. */
  answered(count: number): Promise<void> {
    return new Promise((reached) => {
      this.#onCount = { count, reached };
    });
  }

  end(): void {
    clearInterval(this.#timer);
    for (const connection of this.#connections) connection.close();
  }

  #answered(index: number): void {
    const now = performance.now();
    this.#histogram.record(Math.max(1, Math.round((now - (this.#since[index] ?? now)) * 1_000)));
    if (this.#histogram.count === this.#onCount?.count) this.#onCount.reached();
    if (this.#rate === undefined) {
      this.#send(index, now);
    } else {
      this.#idle.push(index);
      this.#sendDue();
    }
  }

  /** What is due waits for a connection, and that time counts: slow answers delay nobody's clock. */
  #tick(): void {
    const now = performance.now();
    const gap = 1_000 / (this.#rate ?? 1);
    for (; this.#next <= now; this.#next += gap) this.#due.push(this.#next);
    this.#sendDue();
  }

  #sendDue(): void {
    while (this.#due.length > 0) {
      const index = this.#idle.shift();
      if (index === undefined) return;
      this.#send(index, this.#due.shift() ?? performance.now());
    }
  }

  #send(index: number, since: number): void {
    this.#since[index] = since;
    this.#connections[index]?.send();
  }
}
