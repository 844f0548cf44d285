import { randomUUID } from 'node:crypto';
import {
  askDurability,
  createSnapshot,
  openHierarchy,
  openKeks,
  openStore,
  type Parts,
} from '../composition.ts';
import { ConfigErrors } from '../config/errors.ts';
import type { ConfigSnapshot } from '../config/snapshot.ts';
import { rememberedProof } from '../custody/readiness.ts';
import { createDeliveries } from '../events/deliveries.ts';
import type { Snapshot } from '../http/api.ts';
import { errorFields, slotFields, uploadFields, type Logger } from '../http/log.ts';
import type { Metrics } from '../http/metrics.ts';
import { createJobs } from '../jobs/runner.ts';
import type { QueuedMessage, Store } from '../store/port.ts';
import { createLongSteps } from '../uploads/long-steps.ts';
import { createStreams } from '../uploads/streams.ts';
import type { Observer } from '../uploads/services.ts';
import { createHeartbeat } from './heartbeat.ts';
import type { SafetyGate } from './safety-gate.ts';

/** How long a proof of the KEK is believed, where no hierarchy outlives it. */
const PROOF_SECONDS = 10;

export interface ServiceDeps {
  readonly file: ConfigSnapshot;
  readonly gate: SafetyGate;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told when this process comes to send many contents at once, and when it no longer does. */
  readonly onManyStreams?: (areMany: boolean) => void;
}

/** All that stands behind the routes. `sealslot serve` and the Fastify plugin go through its life in the same order. */
export interface Service {
  /** How other processes on the same store name this one; made anew at each start. */
  readonly replicaId: string;
  /** What a request that begins now is served with. */
  readonly current: () => Snapshot;
  /** Rejects while keys cannot be wrapped and unwrapped. */
  readonly proveCustody: () => Promise<void>;
  /** Asks the gate, which logs what it finds. False: serving would lose or leak keys. */
  mayServe(): Promise<boolean>;
  /** From now on the background looks after slots and delivers messages. */
  start(): void;
  /** Reads the configuration again; what is wrong with it is logged, and then the old one stays in force. */
  reload(): Promise<void>;
  /** Ends the background, after what it has in hand. Requests must have ended. */
  stop(): Promise<void>;
  /** Lets go of S3, KEKs and the store, after `stop`. */
  close(): Promise<void>;
}

/** @throws what the KEKs or the store refuse to open with; nothing stays open then. */
export async function openService(deps: ServiceDeps): Promise<Service> {
  const { file, metrics } = deps;
  const keks = await openKeks(file.current, metrics.kekCall);
  let store: Store | undefined;
  try {
    store = await openStore(file.current, { serves: true });
    return assemble(deps, keks, store);
  } catch (error) {
    keks.close();
    await store?.close();
    throw error;
  }
}

function assemble(
  { file, gate, logger, metrics, onManyStreams }: ServiceDeps,
  keks: Parts['keks'],
  store: Store,
): Service {
  const { custody } = file.current;
  metrics.watchKeks(() => keks.keks());
  metrics.watchMessages(() => store.outbox.count());
  const connections = store.connections?.bind(store);
  if (connections !== undefined) metrics.watchConnections(connections);
  const now = Date.now;
  const wrapper = openHierarchy(file.current, { keks, store, now, targets: () => snapshot.services.targets });
  const jobs = createJobs(
    () => snapshot.services,
    (error, upload) => {
      metrics.failure(error);
      logger.error({ ...(upload && uploadFields(upload)), error: errorFields(error) }, 'job');
    },
  );
  const deliveries = createDeliveries(
    () => snapshot.services,
    (error) => {
      metrics.failure(error);
      logger.error({ error: errorFields(error) }, 'webhooks');
    },
    {
      onAttempt(message, { state, ...noted }) {
        const outcome = state === 'pending' ? 'failed' : state;
        const failure = 'lastFailure' in noted ? noted.lastFailure : undefined;
        metrics.webhookAttempt(outcome);
        logger.info({ outcome, failure, ...messageFields(message) }, 'webhook');
      },
    },
  );
  const parts: Parts = {
    store,
    wrapper,
    keks,
    observer: audited(metrics.observer, logger),
    now,
    lookAt: (upload) => jobs.lookAt(upload),
    deliver: () => deliveries.wake(),
    longSteps: createLongSteps(),
    streams: createStreams(onManyStreams),
  };
  let snapshot = createSnapshot(file.current, parts);
  const replicaId = randomUUID();
  const heartbeat = createHeartbeat({
    replicaId,
    wrappers: Object.keys(custody.wrappers),
    keks,
    store,
    now,
    onError(error) {
      metrics.failure(error);
      logger.error({ error: errorFields(error) }, 'not told to the store that this process serves');
    },
  });

  return {
    replicaId,
    current: () => snapshot,
    proveCustody: rememberedProof(keks, custody.hierarchy?.maxAgeSeconds ?? PROOF_SECONDS, () =>
      performance.now(),
    ),
    async mayServe() {
      const [trusted, isDurable] = await Promise.all([
        gate.trusts(keks, custody),
        gate.trustsStore(file.current.store, askDurability),
        gate.warnOfKeks(keks, store, custody),
      ]);
      if (!trusted || !isDurable || !(await gate.opensFor(file.current))) return false;
      await heartbeat.begin();
      return true;
    },
    start() {
      void jobs.runOnce();
      deliveries.wake();
    },
    async reload() {
      try {
        const reloaded = await file.reload((next) => gate.opensForReload(file.current, next));
        if (reloaded === undefined) {
          logger.error('configuration not reloaded, for it is unsafe; the old one stays in force');
          return;
        }
        snapshot = createSnapshot(file.current, parts, snapshot);
        logger.info(reloaded, 'configuration reloaded');
      } catch (error) {
        const mistakes = error instanceof ConfigErrors ? error.mistakes : undefined;
        logger.error(
          { mistakes, error: errorFields(error) },
          'configuration not reloaded; the old one stays in force',
        );
      }
    },
    async stop() {
      await Promise.all([jobs.stop(), deliveries.stop()]);
      await heartbeat.end();
    },
    async close() {
      for (const target of snapshot.services.targets.values()) target.close();
      wrapper.close();
      await store.close();
    },
  };
}

/** Every step of a slot's life goes to the log as well: who, which slot, what. */
function audited(observer: Observer, logger: Logger): Observer {
  return {
    timed: (step, work) => observer.timed(step, work),
    slot(outcome, upload) {
      observer.slot(outcome, upload);
      logger.info(slotFields(outcome, upload), 'slot');
    },
  };
}

function messageFields({ id, tenant, webhook, uploadId, type, attempts }: QueuedMessage): object {
  return { messageId: id, tenant, webhook, uploadId, type, attempts };
}
