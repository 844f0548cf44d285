import { randomUUID } from 'node:crypto';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import Fastify, { type FastifyInstance } from 'fastify';
import { InvalidRequest } from './errors.ts';
import { registerRoutes, type Snapshot } from './http/api.ts';
import { describeApi } from './http/docs.ts';
import { requestFields, type Logger } from './http/log.ts';
import type { Metrics } from './http/metrics.ts';
import { limitPipelining } from './http/pipelining.ts';
import { problem, sendProblem } from './http/problem.ts';
import type { Route } from './http/route.ts';
import { batchRoutes } from './http/routes/batch.ts';
import { contentRoutes } from './http/routes/content.ts';
import { eventRoutes } from './http/routes/events.ts';
import { grantRoutes } from './http/routes/grants.ts';
import { partRoutes } from './http/routes/parts.ts';
import { uploadRoutes } from './http/routes/uploads.ts';
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

/** What Node's HTTP parser refuses before there is a request. */
const HTTP_ERRORS: Readonly<Record<string, readonly [code: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers are over the limit.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not arrive whole in time.'],
};
const NOT_HTTP = ['invalid_request', 'The request could not be read as HTTP.'] as const;

export interface AppDeps {
  /** Asked once per request. */
  readonly current: () => Snapshot;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The order of a request: id → headers → CORS → auth and scope → body → validation → handler → answer → log and metrics. */
export async function buildApp({ current, logger, metrics }: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    http: {
      // How often Node looks for requests that have used up requestTimeout.
      connectionsCheckingInterval: 5_000,
      // What waits for slow readers adds up over many streams.
      highWaterMark: 16 * 1024,
    },
    keepAliveTimeout: 72_000,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    // A link is a signed token.
    routerOptions: { maxParamLength: 1_000 },
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, error),
    clientErrorHandler(error, socket) {
      const [code, detail] = HTTP_ERRORS[error.code] ?? NOT_HTTP;
      const body = problem(code, detail);
      const text = JSON.stringify(body);
      if (!socket.writable) return;
      socket.end(
        `HTTP/1.1 ${body.status} ${body.title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
          `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      );
    },
  });
  app.decorateRequest('served', null as never);
  limitPipelining(app);
  app.addHook('onRequest', async (request, reply) => {
    request.served = {};
    reply.header('x-request-id', request.id).header('cache-control', 'no-store');
    refuseRepeated(request.raw.rawHeaders);
  });
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  // A connection kept alive after its last answer would hold up the end.
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    const operation = request.routeOptions.config.operationId ?? 'none';
    metrics.request(operation, reply.statusCode, reply.elapsedTime / 1000);
    metrics.failure(request.served.error);
    const level = reply.statusCode >= 500 ? 'error' : 'info';
    logger[level](requestFields(request, reply.statusCode, reply.elapsedTime), 'request');
  });
  await app.register(helmet);
  await app.register(cors, {
    origin: (origin, decide) =>
      decide(null, origin !== undefined && current().services.config.cors.origins.includes(origin)),
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'range', 'if-none-match'],
    exposedHeaders: [
      'location',
      'retry-after',
      'idempotency-replayed',
      'x-request-id',
      'www-authenticate',
      'accept-ranges',
      'content-range',
      'content-disposition',
      'etag',
    ],
    maxAge: 600,
    strictPreflight: false,
  });
  app.removeContentTypeParser('text/plain');
  useStrictValidation(app);
  await describeApi(app);
  registerRoutes(app, ROUTES, current);
  return app;
}

function refuseRepeated(rawHeaders: readonly string[]): void {
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const repeated = SINGLE_HEADERS.filter((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (repeated.length > 0) {
    throw new InvalidRequest(
      repeated.map((name) => ({ path: `header/${name}`, message: 'must be sent once' })),
    );
  }
}
