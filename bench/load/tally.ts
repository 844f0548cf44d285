import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

export interface Latency {
  readonly count: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface Summary {
  readonly seconds: number;
  /** All that were answered, whatever the answer. */
  readonly answered: number;
  readonly perSecond: number;
  readonly all: Latency;
  readonly kinds: Readonly<Record<string, Latency>>;
  /** By kind and status (or the code of a connection's error), all but 2xx. */
  readonly errors: Readonly<Record<string, number>>;
  /** How late the load's own event loop was, 99th percentile in milliseconds: where it is large, the load is the limit. */
  readonly ownLagMs: number;
  /** Of a fixed rate: what was due and never sent, since nobody was free for it before the end. */
  readonly unsent: number;
}

const RANGE = { lowest: 1, highest: 600_000_000, figures: 3 };

/** Counts answers, and how long each took, in microseconds. */
export class Tally {
  readonly #all = createHistogram(RANGE);
  readonly #kinds = new Map<string, RecordableHistogram>();
  readonly #errors = new Map<string, number>();

  /** @param outcome a status, or the code of an error. */
  add(kind: string, outcome: number | string, milliseconds: number): void {
    const microseconds = Math.max(1, Math.round(milliseconds * 1_000));
    let own = this.#kinds.get(kind);
    if (own === undefined) this.#kinds.set(kind, (own = createHistogram(RANGE)));
    this.#all.record(microseconds);
    own.record(microseconds);
    if (typeof outcome === 'number' && outcome >= 200 && outcome < 300) return;
    const name = `${kind} ${outcome}`;
    this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1);
  }

  sum(seconds: number, own: Pick<Summary, 'ownLagMs' | 'unsent'>): Summary {
    return {
      seconds,
      answered: this.#all.count,
      perSecond: this.#all.count / seconds,
      all: latency(this.#all),
      kinds: Object.fromEntries(Array.from(this.#kinds, ([kind, histogram]) => [kind, latency(histogram)])),
      errors: Object.fromEntries(this.#errors),
      ...own,
    };
  }
}

function latency(histogram: RecordableHistogram): Latency {
  const ms = (percent: number): number => histogram.percentile(percent) / 1_000;
  const { count } = histogram;
  if (count === 0) return { count, p50: 0, p99: 0, p999: 0, max: 0 };
  return { count, p50: ms(50), p99: ms(99), p999: ms(99.9), max: histogram.max / 1_000 };
}

const row = (name: string, { count, p50, p99, p999, max }: Latency): string =>
  [
    name.padEnd(12),
    String(count).padStart(9),
    ...[p50, p99, p999, max].map((ms) => ms.toFixed(1).padStart(9)),
  ].join('');

/** As a table of text. */
export function show(summary: Summary): string {
  const { perSecond, answered, seconds, errors, ownLagMs, unsent } = summary;
  const failed = Object.entries(errors);
  return [
    `${perSecond.toFixed(0)} answers/s: ${answered} in ${seconds.toFixed(1)} s; the load's own event loop p99 ${ownLagMs.toFixed(1)} ms`,
    `${'ms'.padEnd(12)}${['count', 'p50', 'p99', 'p99.9', 'max'].map((name) => name.padStart(9)).join('')}`,
    row('all', summary.all),
    ...Object.entries(summary.kinds).map(([kind, latencies]) => row(kind, latencies)),
    failed.length === 0
      ? 'no errors'
      : `errors: ${failed.map(([name, count]) => `${name} × ${count}`).join(', ')}`,
    ...(unsent > 0 ? [`${unsent} were due and never sent: the rate is more than is answered`] : []),
  ].join('\n');
}
