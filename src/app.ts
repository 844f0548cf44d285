import type { FastifyInstance, FastifyPluginAsync, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { InvalidRequest } from './errors.ts';
import { registerRoutes, type Admits, type Served, type Snapshot } from './http/api.ts';
import { allowOrigins } from './http/cors.ts';
import { serveDemo } from './http/demo.ts';
import { serveDocument } from './http/docs.ts';
import { requestFields, type Logger } from './http/log.ts';
import type { Metrics } from './http/metrics.ts';
import { limitPipelining } from './http/pipelining.ts';
import { isOurs, sendPlainProblem, sendProblem } from './http/problem.ts';
import { shedLoad } from './http/overload.ts';
import type { Route } from './http/route.ts';
import { securityHeaders } from './http/security-headers.ts';
import { batchRoutes } from './http/routes/batch.ts';
import { contentRoutes } from './http/routes/content.ts';
import { eventRoutes } from './http/routes/events.ts';
import { grantRoutes } from './http/routes/grants.ts';
import { partRoutes } from './http/routes/parts.ts';
import { uploadRoutes } from './http/routes/uploads.ts';
import { useSchemasOfAnswers } from './http/serialisation.ts';
import { createServer } from './http/server.ts';
import { useStrictValidation } from './http/validation.ts';

/** Every route of the service; the test matrices are made from it. */
export const ROUTES: readonly Route[] = [
  ...uploadRoutes,
  ...batchRoutes,
  ...partRoutes,
  ...grantRoutes,
  ...contentRoutes,
  ...eventRoutes,
];

/** Sent twice, these would leave it to chance which one counts. */
const SINGLE_HEADERS = ['authorization', 'content-type', 'idempotency-key'];

const SERVED = Symbol('served');

declare module 'fastify' {
  interface FastifyRequest {
    [SERVED]: Served | undefined;
  }
}

export interface AppDeps {
  /** Asked once per request. */
  readonly current: () => Snapshot;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** While true, each connection ends with its answer: whoever asks again comes by a new one, to another replica. */
  readonly isDraining?: () => boolean;
}

/** What differs inside an application of somebody else. */
export interface Guest {
  readonly admits: Admits;
  /** Whether paths that lead nowhere are ours to answer; otherwise the host does. */
  readonly answersNotFound: boolean;
}

/** A server of our own: its settings, and the API. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = createServer();
  await app.register(api, deps);
  return app;
}

/**
 * The API as a plugin that keeps to itself. The order of a request: id → headers → CORS → overload → auth, limits and scope → body → validation → handler →
 * answer → log and metrics.
 */
export const api: FastifyPluginAsync<AppDeps & { readonly guest?: Guest }> = async (
  app,
  { current, logger, metrics, guest, isDraining = () => false },
) => {
  app.decorateRequest(SERVED, undefined);
  app.decorateRequest('served', {
    // Not set by a hook of ours: a host's may answer or fail before, and then ours that follow the answer ask for it all the same.
    getter() {
      return (this[SERVED] ??= {});
    },
  });
  limitPipelining(app);
  const headers = { ...securityHeaders(), 'cache-control': 'no-store' };
  app.addHook('onRequest', (request, reply, done) => {
    request.served.ours = true;
    reply.headers(headers).header('x-request-id', request.id);
    refuseRepeated(request.raw.rawHeaders);
    done();
  });
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  // A connection kept alive after its last answer would hold up the end.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing || isDraining()) reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { statusCode, elapsedTime } = reply;
    const operation = request.routeOptions.config.operationId ?? 'none';
    metrics.request(operation, statusCode, elapsedTime / 1000);
    metrics.failure(request.served.error);
    const level = statusCode >= 500 ? 'error' : 'info';
    logger[level](requestFields(request, operation, statusCode, elapsedTime), 'request');
    done();
  });
  allowOrigins(app, () => current().services.config.cors.origins);
  // Inside an application it is for the application to say what is too much.
  if (guest === undefined) await shedLoad(app, current().services.config.overload);
  app.removeAllContentTypeParsers();
  useStrictValidation(app);
  useSchemasOfAnswers(app);
  answerErrors(app, guest);
  await serveDocument(app, ROUTES);
  registerRoutes(app, ROUTES, current, guest?.admits);
  if (current().services.config.demo.enabled) await serveDemo(app, current);
};

/** From a client whose endpoint was given with the path of the calls. */
const TWICE = /\/v1\/(.*\/)?v1\//;

function answerErrors(app: FastifyInstance, guest: Guest | undefined): void {
  const notFound: RouteHandlerMethod = (request, reply) => {
    // A page that CORS keeps out finds out by it that there is a service: see the browser client's probe. It may know no more than that.
    reply.header('cross-origin-resource-policy', 'cross-origin');
    const why = TWICE.test(request.url)
      ? 'There is no such path, with /v1 twice: the address that a client is given ends before it.'
      : `There is no such path; see ${app.prefix}/openapi.json.`;
    return sendPlainProblem(reply, 'route_not_found', why);
  };
  if (guest?.answersNotFound !== false) app.setNotFoundHandler(notFound);
  // A link with something behind it, such as a slash, is a link still: the host would log the URL.
  else app.all('/v1/content/:link/*', { schema: { hide: true } }, notFound);
  app.setErrorHandler((error, request, reply) => {
    request.served.error = error;
    // To the host's own handler: it knows what its hooks mean.
    if (guest !== undefined && isHosts(error, request)) throw error;
    return sendProblem(reply, error);
  });
}

/** What a hook of the host refused; what fails here once ours have begun is a fault of ours until it says that it is a refusal. */
function isHosts(error: unknown, { served }: FastifyRequest): boolean {
  if (isOurs(error)) return false;
  const { statusCode } = error as { statusCode?: unknown };
  return served.ours !== true || (typeof statusCode === 'number' && statusCode < 500);
}

function refuseRepeated(rawHeaders: readonly string[]): void {
  const repeated = SINGLE_HEADERS.filter((name) => countOf(name, rawHeaders) > 1);
  if (repeated.length > 0) {
    throw new InvalidRequest(
      repeated.map((name) => ({ path: `header/${name}`, message: 'must be sent once' })),
    );
  }
}

/** @param rawHeaders names and values in turn. */
function countOf(name: string, rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const found = rawHeaders[index] ?? '';
    if (found.length === name.length && found.toLowerCase() === name) count += 1;
  }
  return count;
}
