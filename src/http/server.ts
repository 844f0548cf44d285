import { randomUUID } from 'node:crypto';
import { METHODS } from 'node:http';
import Fastify, { type FastifyInstance } from 'fastify';
import { problem, sendProblem } from './problem.ts';

/** A link is a signed token, and a part of its path. */
export const MAX_PARAM_LENGTH = 1_000;

/** What Node's HTTP parser refuses before there is a request. */
const HTTP_ERRORS: Readonly<Record<string, readonly [code: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers are over the limit.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not arrive whole in time.'],
};
const NOT_HTTP = ['invalid_request', 'The request could not be read as HTTP.'] as const;

/** The settings of a server of our own. A host application has its own in their place: docs/plugin.md names those that count. */
export function createServer(): FastifyInstance {
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
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
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
  // All that Node can read, QUERY and the like too, so that each gets a 405. It hands CONNECT to no request handler.
  for (const method of METHODS)
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method);
  return app;
}
