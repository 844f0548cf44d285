import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics } from 'prom-client';
import { buildApp } from '../app.ts';
import { createSnapshot, openStore, openWrapper, type Parts } from '../composition.ts';
import type { Config } from '../config/config.ts';
import { ConfigErrors } from '../config/errors.ts';
import { ConfigSnapshot } from '../config/snapshot.ts';
import { examineAtStart } from '../doctor/start.ts';
import { buildAdmin } from '../http/admin.ts';
import { createLogger, errorFields, uploadFields, type Logger } from '../http/log.ts';
import { createMetrics } from '../http/metrics.ts';
import { createJobs } from '../jobs/runner.ts';
import { createTarget } from '../s3/adapters/target.ts';
import { configPath, EXIT_UNSAFE } from './command.ts';

/** Answers requests until SIGTERM or SIGINT, then finishes what is in flight. */
export async function serve(env: NodeJS.ProcessEnv): Promise<number> {
  const file = await ConfigSnapshot.load({ path: configPath(env), env });
  const logger = createLogger(file.current.log.level);
  const wrapper = await openWrapper(file.current);
  const store = await openStore(file.current, { exclusive: true });
  if (!(await isSafe(file.current, logger))) {
    await store.close();
    return EXIT_UNSAFE;
  }
  const metrics = createMetrics();
  collectDefaultMetrics({ register: metrics.registry });

  const jobs = createJobs(
    () => snapshot.services,
    (error, upload) => {
      metrics.failure(error);
      logger.error({ ...(upload && uploadFields(upload)), error: errorFields(error) }, 'job');
    },
  );
  const parts: Parts = {
    store,
    wrapper,
    observer: audited(metrics.observer, logger),
    now: Date.now,
    lookAt: (upload) => jobs.lookAt(upload),
  };
  let snapshot = createSnapshot(file.current, parts);
  let draining = false;
  const app = await buildApp({ current: () => snapshot, logger, metrics });
  const admin = buildAdmin(
    () => snapshot.services,
    metrics,
    () => draining,
  );

  async function reload(): Promise<void> {
    try {
      const { changed, needsRestart } = await file.reload();
      snapshot = createSnapshot(file.current, parts, snapshot);
      logger.info({ changed, needsRestart }, 'configuration reloaded');
      await isSafe(file.current, logger);
    } catch (error) {
      const mistakes = error instanceof ConfigErrors ? error.mistakes : undefined;
      logger.error(
        { mistakes, error: errorFields(error) },
        'configuration not reloaded; the old one stays in force',
      );
    }
  }

  process.on('SIGHUP', () => void reload());
  try {
    // Copies: Fastify writes into what it is given, and the configuration is frozen.
    await admin.listen({ ...file.current.admin });
    await app.listen({ ...file.current.listen });
    void jobs.runOnce();
    logger.info({ listen: addressOf(app), admin: addressOf(admin) }, 'ready');
    const signal = await new Promise<string>((resolve) => {
      process.once('SIGTERM', resolve).once('SIGINT', resolve);
    });
    draining = true;
    logger.info({ signal }, 'finishing what is in flight');
  } finally {
    await app.close();
    await jobs.stop();
    await admin.close();
    for (const target of snapshot.services.targets.values()) target.close();
    await store.close();
  }
  logger.info('ended');
  return 0;
}

/** The cheap part of `sealslot doctor`. What is wrong is logged; only what could lose or leak a key forbids to serve. */
async function isSafe(config: Config, logger: Logger): Promise<boolean> {
  const findings = await examineAtStart({ config, openTarget: createTarget, now: Date.now });
  for (const finding of findings) {
    const unsafe = finding.outcome === 'unsafe';
    logger[unsafe ? 'fatal' : 'warn'](
      finding,
      unsafe ? 'unsafe, see `sealslot doctor`' : 'see `sealslot doctor`',
    );
  }
  return findings.every(({ outcome }) => outcome !== 'unsafe');
}

/** Every step of a slot's life goes to the log as well: who, which slot, what. */
function audited(observer: ReturnType<typeof createMetrics>['observer'], logger: Logger): typeof observer {
  return {
    timed: (step, work) => observer.timed(step, work),
    slot(outcome, upload) {
      observer.slot(outcome, upload);
      logger.info({ outcome, ...uploadFields(upload) }, 'slot');
    },
  };
}

function addressOf(app: FastifyInstance): string {
  const address = app.server.address();
  return typeof address === 'object' && address !== null
    ? `${address.address}:${address.port}`
    : String(address);
}
