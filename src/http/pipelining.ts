import type { FastifyInstance } from 'fastify';

const MOST_AT_ONCE = 8;

/**
 * HTTP/1.1 lets a client send requests without reading the answers, and each holds memory until it is read: one connection could hold
 * thousands, before any credentials are asked for. Browsers and HTTP libraries send one at a time.
 */
export function limitPipelining(app: FastifyInstance): void {
  const open = new WeakMap<object, number>();
  app.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw;
    const count = (open.get(socket) ?? 0) + 1;
    open.set(socket, count);
    reply.raw.once('close', () => open.set(socket, (open.get(socket) ?? 1) - 1));
    if (count > MOST_AT_ONCE) socket.destroy();
    done();
  });
}
