import type { FastifyInstance } from 'fastify';

const METHODS = 'GET, HEAD, POST, DELETE';
const REQUEST_HEADERS = 'authorization, content-type, idempotency-key, range, if-none-match';
const ANSWER_HEADERS = [
  'location',
  'retry-after',
  'ratelimit',
  'ratelimit-policy',
  'idempotency-replayed',
  'x-request-id',
  'www-authenticate',
  'accept-ranges',
  'content-range',
  'content-disposition',
  'etag',
].join(', ');

/**
 * Tells browsers that pages of these origins may call, and read the answers; credentials of the browser's own, such as cookies, are not
 * among what they may send. It adds no route: inside a host application, `@fastify/cors` would answer OPTIONS for all of it.
 */
export function allowOrigins(app: FastifyInstance, origins: () => readonly string[]): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || !origins().includes(origin)) {
      done();
      return;
    }
    reply
      .header('access-control-allow-origin', origin)
      .header('access-control-expose-headers', ANSWER_HEADERS);
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
      done();
      return;
    }
    reply
      .code(204)
      .header('access-control-allow-methods', METHODS)
      .header('access-control-allow-headers', REQUEST_HEADERS)
      .header('access-control-max-age', '600')
      .header('content-length', '0')
      .send();
  });
}
