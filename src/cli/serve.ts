import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics } from 'prom-client';
import { buildApp } from '../app.ts';
import { ConfigSnapshot } from '../config/snapshot.ts';
import { buildAdmin } from '../http/admin.ts';
import { createLogger, type Logger } from '../http/log.ts';
import { createMetrics } from '../http/metrics.ts';
import { createTarget } from '../s3/adapters/target.ts';
import { openService } from '../service/open.ts';
import { SafetyGate } from '../service/safety-gate.ts';
import { configPath, EXIT_UNSAFE, stopSignal } from './command.ts';
import { drain, endsInTime } from './serve/ending.ts';
import { collectForStreams, keepMemoryLow, letGoOfStart } from './serve/memory.ts';

/** Answers requests until SIGTERM or SIGINT, then finishes what is in flight: after `drainSeconds`, and within `graceSeconds`. */
export async function serve(env: NodeJS.ProcessEnv): Promise<number> {
  keepMemoryLow();
  const stop = stopSignal();
  const file = await ConfigSnapshot.load({ path: configPath(env), env });
  const logger = createLogger(file.current.log.level);
  const gate = new SafetyGate(logger, stop, createTarget);
  await gate.warnOfFiles(file.current, configPath(env));
  const { exitCode, isWhole } = await serveUntil(stop, file, gate, logger);
  // What a dependency without an end still holds open would keep the process.
  if (!isWhole || !(await gate.settled())) process.exit(exitCode);
  return exitCode;
}

async function serveUntil(
  stop: AbortSignal,
  file: ConfigSnapshot,
  gate: SafetyGate,
  logger: Logger,
): Promise<{ exitCode: number; isWhole: boolean }> {
  const metrics = createMetrics();
  collectDefaultMetrics({ register: metrics.registry });
  const service = await openService({ file, gate, logger, metrics, onManyStreams: collectForStreams });
  let draining = false;
  const isDraining = () => draining;
  const app = await buildApp({ current: service.current, logger, metrics, isDraining });
  const admin = buildAdmin({
    current: () => service.current().services,
    proveCustody: service.proveCustody,
    metrics,
    isDraining,
  });

  const stopped = once(stop, 'abort');
  process.on('SIGHUP', () => void service.reload());
  process.on('warning', ({ name, message }) => logger.warn({ warning: name }, message));
  const end = async () => {
    await app.close();
    await service.stop();
    await admin.close();
    await service.close();
  };
  let exitCode = 0;
  let isWhole: boolean;
  try {
    exitCode = await serveOn();
  } finally {
    isWhole = await endsInTime(end, file.current, logger);
  }
  if (exitCode === 0) logger.info('ended');
  return { exitCode, isWhole };

  async function serveOn(): Promise<number> {
    // The routes are compiled while S3 is asked.
    const [mayServe] = await Promise.all([service.mayServe(), app.ready()]);
    if (!mayServe) return EXIT_UNSAFE;
    if (stop.aborted) return 0;
    // Copies: Fastify writes into what it is given, and the configuration is frozen.
    await admin.listen({ ...file.current.admin });
    await app.listen({ ...file.current.listen });
    service.start();
    const { replicaId } = service;
    logger.info({ replicaId, listen: addressOf(app), admin: addressOf(admin) }, 'ready');
    // After the line has gone out.
    setImmediate(letGoOfStart);
    await stopped;
    const signal = stop.reason as unknown;
    draining = true;
    await drain(signal, file.current, logger);
    logger.info({ signal }, 'finishing what is in flight');
    return 0;
  }
}

function addressOf(app: FastifyInstance): string {
  const address = app.server.address();
  return typeof address === 'object' && address !== null
    ? `${address.address}:${address.port}`
    : String(address);
}
