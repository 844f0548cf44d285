import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CountKekCall } from '../custody/counted.ts';
import type { KekCondition } from '../custody/port.ts';
import { SealslotError } from '../errors.ts';
import type { Observer } from '../uploads/services.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface Metrics {
  readonly registry: Registry;
  readonly observer: Observer;
  request(operation: string, status: number, seconds: number): void;
  /** Counts an error by its dependency, if it is one's. */
  failure(error: unknown): void;
  readonly kekCall: CountKekCall;
  /** Asked at each scrape. */
  watchKeks(ask: () => Promise<readonly KekCondition[]>): void;
}

/** Counts and timings; labels are few and fixed, and never hold an id, a name or key material. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const slots = new Counter({
    name: 'sealslot_slots_total',
    help: 'Slots by what happened to them.',
    labelNames: ['outcome'],
    registers,
  });
  const steps = new Histogram({
    name: 'sealslot_step_seconds',
    help: 'Seconds by step.',
    labelNames: ['step'],
    buckets: SECONDS,
    registers,
  });
  const requests = new Histogram({
    name: 'sealslot_request_seconds',
    help: 'Seconds by operation and status.',
    labelNames: ['operation', 'status'],
    buckets: SECONDS,
    registers,
  });
  const dependencyErrors = new Counter({
    name: 'sealslot_dependency_errors_total',
    help: 'Calls that failed because a dependency did.',
    labelNames: ['dependency'],
    registers,
  });
  const kekCalls = new Counter({
    name: 'sealslot_kek_calls_total',
    help: 'Calls of the keeper of a KEK, by wrapper, call and outcome.',
    labelNames: ['wrapper', 'call', 'outcome'],
    registers,
  });
  return {
    registry,
    observer: {
      async timed(step, work) {
        const end = steps.startTimer({ step });
        try {
          return await work();
        } finally {
          end();
        }
      },
      slot: (outcome) => slots.inc({ outcome }),
    },
    request: (operation, status, seconds) => requests.observe({ operation, status: String(status) }, seconds),
    failure(error) {
      if (error instanceof SealslotError && error.code === 'dependency_unavailable') {
        dependencyErrors.inc({ dependency: String(error.extra.dependency) });
      }
    },
    kekCall: (wrapper, call, outcome) => kekCalls.inc({ wrapper, call, outcome }),
    watchKeks: (ask) => watchKeks(registry, ask),
  };
}

/** A KEK whose deletion is pending takes every key under it along: alert on the first, and on the second being set at all. */
function watchKeks(registry: Registry, ask: () => Promise<readonly KekCondition[]>): void {
  const registers = [registry];
  const deletion = new Gauge({
    name: 'sealslot_kek_deletion_timestamp_seconds',
    help: 'When a KEK will be deleted, by wrapper; only while a deletion is pending.',
    labelNames: ['wrapper'],
    registers,
  });
  new Gauge({
    name: 'sealslot_keks',
    help: 'KEKs by wrapper and what their keeper says of them.',
    labelNames: ['wrapper', 'state'],
    registers,
    async collect() {
      this.reset();
      deletion.reset();
      for (const { wrapperId: wrapper, state, deletionAt } of await ask()) {
        this.inc({ wrapper, state });
        if (deletionAt !== undefined) deletion.set({ wrapper }, deletionAt / 1000);
      }
    },
  });
}
