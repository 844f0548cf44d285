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

/** The operators' listener. Not for the internet: it needs no credentials. */
export function buildAdmin({ current, proveCustody, metrics, isDraining }: AdminDeps): FastifyInstance {
  const app = Fastify({ exposeHeadRoutes: false, logger: false });
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const checks = {
      store: await works(() => current().store.check()),
      custody: await works(proveCustody),
      draining: isDraining() ? 'yes' : 'no',
    };
    const ready = checks.store === 'ok' && checks.custody === 'ok' && checks.draining === 'no';
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
