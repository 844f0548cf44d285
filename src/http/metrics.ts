import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CountKekCall } from '../custody/counted.ts';
import type { KekCondition } from '../custody/port.ts';
import { Overloaded, QuotaExceeded, RateLimited, SealslotError } from '../errors.ts';
import { UNDELIVERED_STATES, type ConnectionUse, type UndeliveredState } from '../store/port.ts';
import type { Observer, SlotOutcome } from '../uploads/services.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface Metrics {
  readonly registry: Registry;
  readonly observer: Observer;
  request(operation: string, status: number, seconds: number): void;
  /** Counts an error by its dependency, its limit or the overload, if it is one's. */
  failure(error: unknown): void;
  readonly kekCall: CountKekCall;
  /** Asked at each scrape. */
  watchKeks(ask: () => Promise<readonly KekCondition[]>): void;
  webhookAttempt(outcome: WebhookAttempt): void;
  /** Asked at each scrape. */
  watchMessages(ask: () => Promise<Readonly<Record<UndeliveredState, number>>>): void;
  /** Asked at each scrape, of a store that has connections. */
  watchConnections(ask: () => ConnectionUse): void;
}

/** `failed`: it is tried again. `dead`: it was the last try. */
export type WebhookAttempt = 'delivered' | 'failed' | 'dead';
const WEBHOOK_ATTEMPTS: readonly WebhookAttempt[] = ['delivered', 'failed', 'dead'];

/** From 0 on: a series that begins with its first failure shows no increase, and trips no alert. */
const SLOT_OUTCOMES: Readonly<Record<SlotOutcome, 0>> = {
  issued: 0,
  replayed: 0,
  uploaded: 0,
  rejected: 0,
  discarded: 0,
  expired: 0,
  downloaded: 0,
  read: 0,
  linked: 0,
  deleting: 0,
  deleted: 0,
  forgotten: 0,
  purged: 0,
  rekeying: 0,
  rekeyed: 0,
  rekey_failed: 0,
};
const LIMITS: readonly { limit: string; per: string }[] = [
  ...['tenant', 'principal', 'links'].map((per) => ({ limit: 'requests', per })),
  ...['tenant', 'principal'].flatMap((per) => [
    { limit: 'openSlots', per },
    { limit: 'bytesPerDay', per },
  ]),
];
const SHED: readonly Overloaded['reason'][] = ['event_loop', 'heap', 'memory', 'streams'];
const DEPENDENCIES = ['s3', 'store', 'custody', 'jwks', 'credentials', 'authentication'];

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
  const limited = new Counter({
    name: 'sealslot_limited_total',
    help: 'Requests refused by a limit of their tenant.',
    labelNames: ['limit', 'per'],
    registers,
  });
  const shed = new Counter({
    name: 'sealslot_shed_total',
    help: 'Requests turned away since the process had too much to do, by what there was too much of.',
    labelNames: ['reason'],
    registers,
  });
  const kekCalls = new Counter({
    name: 'sealslot_kek_calls_total',
    help: 'Calls of the keeper of a KEK, by wrapper, call and outcome.',
    labelNames: ['wrapper', 'call', 'outcome'],
    registers,
  });
  const webhookAttempts = new Counter({
    name: 'sealslot_webhook_attempts_total',
    help: 'Attempts to tell a webhook, by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of WEBHOOK_ATTEMPTS) webhookAttempts.inc({ outcome }, 0);
  for (const outcome of Object.keys(SLOT_OUTCOMES)) slots.inc({ outcome }, 0);
  for (const reason of SHED) shed.inc({ reason }, 0);
  for (const labels of LIMITS) limited.inc(labels, 0);
  for (const dependency of DEPENDENCIES) dependencyErrors.inc({ dependency }, 0);
  return {
    registry,
    observer: {
      async timed(step, work) {
        const begunAt = performance.now();
        try {
          return await work();
        } finally {
          steps.observe({ step }, (performance.now() - begunAt) / 1000);
        }
      },
      slot: (outcome) => slots.inc({ outcome }),
    },
    request: (operation, status, seconds) => requests.observe({ operation, status: String(status) }, seconds),
    failure(error) {
      if (error instanceof SealslotError && error.code === 'dependency_unavailable') {
        dependencyErrors.inc({ dependency: String(error.extra.dependency) });
      }
      if (error instanceof Overloaded) shed.inc({ reason: error.reason });
      if (error instanceof RateLimited) limited.inc({ limit: 'requests', per: error.per });
      if (error instanceof QuotaExceeded) limited.inc({ limit: error.use.quota, per: error.use.per });
    },
    kekCall: (wrapper, call, outcome) => kekCalls.inc({ wrapper, call, outcome }),
    watchKeks: (ask) => watchKeks(registry, ask),
    webhookAttempt: (outcome) => webhookAttempts.inc({ outcome }),
    watchMessages: (ask) => watchMessages(registry, ask),
    watchConnections: (ask) => watchConnections(registry, ask),
  };
}

/** A KEK whose deletion is pending takes every key under it along: alert on the first, and on the second being set at all. */
function watchKeks(registry: Registry, ask: () => Promise<readonly KekCondition[]>): void {
  const registers = [registry];
  new Gauge({
    name: 'sealslot_kek_deletion_timestamp_seconds',
    help: 'When a KEK will be deleted, by wrapper; only while a deletion is pending.',
    labelNames: ['wrapper'],
    registers,
    // Asks for itself: what another metric's collect sets would be shown a scrape late.
    async collect() {
      const soonest = new Map<string, number>();
      for (const { wrapperId, deletionAt } of await ask()) {
        if (deletionAt === undefined) continue;
        soonest.set(wrapperId, Math.min(deletionAt, soonest.get(wrapperId) ?? Infinity));
      }
      this.reset();
      for (const [wrapper, deletionAt] of soonest) this.set({ wrapper }, deletionAt / 1000);
    },
  });
  new Gauge({
    name: 'sealslot_keks',
    help: 'KEKs by wrapper and what their keeper says of them.',
    labelNames: ['wrapper', 'state'],
    registers,
    async collect() {
      const keks = await ask();
      this.reset();
      for (const { wrapperId: wrapper, state } of keks) this.inc({ wrapper, state });
    },
  });
}

function watchMessages(
  registry: Registry,
  ask: () => Promise<Readonly<Record<UndeliveredState, number>>>,
): void {
  new Gauge({
    name: 'sealslot_webhook_messages',
    help: 'Messages to webhooks in the store that are not delivered, by state.',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      // A store that cannot be asked must not take the other metrics along.
      const counts = await ask().catch(() => undefined);
      this.reset();
      for (const state of UNDELIVERED_STATES) if (counts !== undefined) this.set({ state }, counts[state]);
    },
  });
}

/** Callers that wait while none is idle: the pool, or the server behind it, is what is short. */
function watchConnections(registry: Registry, ask: () => ConnectionUse): void {
  new Gauge({
    name: 'sealslot_store_connections',
    help: 'Connections to the store by state, those that may be opened, and the calls that wait for one.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { most, inUse, idle, waiting } = ask();
      const counts = { most, in_use: inUse, idle, waiting };
      for (const [state, count] of Object.entries(counts)) this.set({ state }, count);
    },
  });
}
