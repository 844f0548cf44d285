import Fastify, { type FastifyInstance } from 'fastify';
import type { Services } from '../uploads/services.ts';
import type { Metrics } from './metrics.ts';

export interface AdminDeps {
  readonly current: () => Services;
  /** Rejects while keys cannot be wrapped and unwrapped. */
  readonly proveCustody: () => Promise<void>;
  readonly metrics: Metrics;
  readonly isDraining: () => boolean;
}

/** Whether requests can be answered that need the store or a key. S3 is not among it: what needs it says so. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: { readonly store: 'ok' | 'failed'; readonly custody: 'ok' | 'failed' };
}

export async function examineReadiness(
  { store }: Pick<Services, 'store'>,
  proveCustody: () => Promise<void>,
): Promise<Readiness> {
  const checks = { store: await works(() => store.check()), custody: await works(proveCustody) };
  return { ready: checks.store === 'ok' && checks.custody === 'ok', checks };
}

/** The operators' listener. Not for the internet: it needs no credentials. */
export function buildAdmin({ current, proveCustody, metrics, isDraining }: AdminDeps): FastifyInstance {
  const app = Fastify({ exposeHeadRoutes: false, logger: false });
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const readiness = await examineReadiness(current(), proveCustody);
    const checks = { ...readiness.checks, draining: isDraining() ? 'yes' : 'no' };
    const ready = readiness.ready && checks.draining === 'no';
    if (!ready) reply.header('retry-after', 5);
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : 'unavailable', checks });
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
  return app;
}

async function works(check: () => Promise<void>): Promise<'ok' | 'failed'> {
  return check().then(
    () => 'ok',
    () => 'failed',
  );
}
