import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics } from 'prom-client';
import { buildApp } from '../app.ts';
import { createSnapshot, openHierarchy, openKeks, openStore, type Parts } from '../composition.ts';
import { ConfigErrors } from '../config/errors.ts';
import { ConfigSnapshot } from '../config/snapshot.ts';
import { rememberedProof } from '../custody/readiness.ts';
import { createDeliveries } from '../events/deliveries.ts';
import { buildAdmin } from '../http/admin.ts';
import { createLogger, errorFields, slotFields, uploadFields, type Logger } from '../http/log.ts';
import { createMetrics } from '../http/metrics.ts';
import { createJobs } from '../jobs/runner.ts';
import type { QueuedMessage } from '../store/port.ts';
import { createLongSteps } from '../uploads/long-steps.ts';
import { configPath, EXIT_UNSAFE, stopSignal } from './command.ts';
import { keepMemoryLow } from './serve/memory.ts';
import { SafetyGate } from './serve/safety-gate.ts';

/** How long `/readyz` believes its last proof of the KEK, where no hierarchy outlives it. */
const PROOF_SECONDS = 10;

/** Answers requests until SIGTERM or SIGINT, then finishes what is in flight. */
export async function serve(env: NodeJS.ProcessEnv): Promise<number> {
  keepMemoryLow();
  const stop = stopSignal();
  const file = await ConfigSnapshot.load({ path: configPath(env), env });
  const logger = createLogger(file.current.log.level);
  const gate = new SafetyGate(logger, stop);
  await gate.warnOfFiles(file.current, configPath(env));
  const exitCode = await serveUntil(stop, file, gate, logger);
  // What an S3 without an end still holds open would keep the process.
  if (!(await gate.settled())) process.exit(exitCode);
  return exitCode;
}

async function serveUntil(
  stop: AbortSignal,
  file: ConfigSnapshot,
  gate: SafetyGate,
  logger: Logger,
): Promise<number> {
  const metrics = createMetrics();
  collectDefaultMetrics({ register: metrics.registry });
  const { custody } = file.current;
  const now = Date.now;
  const keks = await openKeks(file.current, metrics.kekCall);
  metrics.watchKeks(() => keks.keks());
  const store = await openStore(file.current, { exclusive: true });
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
  metrics.watchMessages(() => store.outbox.count());
  const parts: Parts = {
    store,
    wrapper,
    keks,
    observer: audited(metrics.observer, logger),
    now,
    lookAt: (upload) => jobs.lookAt(upload),
    deliver: () => deliveries.wake(),
    longSteps: createLongSteps(),
  };
  let snapshot = createSnapshot(file.current, parts);
  let draining = false;
  const app = await buildApp({ current: () => snapshot, logger, metrics });
  const admin = buildAdmin({
    current: () => snapshot.services,
    proveCustody: rememberedProof(keks, custody.hierarchy?.maxAgeSeconds ?? PROOF_SECONDS, () =>
      performance.now(),
    ),
    metrics,
    isDraining: () => draining,
  });

  async function reload(): Promise<void> {
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
  }

  const stopped = once(stop, 'abort');
  process.on('SIGHUP', () => void reload());
  process.on('warning', ({ name, message }) => logger.warn({ warning: name }, message));
  try {
    const [trusted] = await Promise.all([gate.trusts(keks, custody), gate.warnOfKeks(keks, store, custody)]);
    if (!trusted || !(await gate.opensFor(file.current))) return EXIT_UNSAFE;
    await store.custody.announce(Object.keys(custody.wrappers));
    if (stop.aborted) return 0;
    // Copies: Fastify writes into what it is given, and the configuration is frozen.
    await admin.listen({ ...file.current.admin });
    await app.listen({ ...file.current.listen });
    void jobs.runOnce();
    deliveries.wake();
    logger.info({ listen: addressOf(app), admin: addressOf(admin) }, 'ready');
    await stopped;
    draining = true;
    logger.info({ signal: stop.reason as unknown }, 'finishing what is in flight');
  } finally {
    await app.close();
    await Promise.all([jobs.stop(), deliveries.stop()]);
    await admin.close();
    for (const target of snapshot.services.targets.values()) target.close();
    wrapper.close();
    await store.close();
  }
  logger.info('ended');
  return 0;
}

/** Every step of a slot's life goes to the log as well: who, which slot, what. */
function audited(observer: ReturnType<typeof createMetrics>['observer'], logger: Logger): typeof observer {
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

function addressOf(app: FastifyInstance): string {
  const address = app.server.address();
  return typeof address === 'object' && address !== null
    ? `${address.address}:${address.port}`
    : String(address);
}
