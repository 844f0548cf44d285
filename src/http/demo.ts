import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { refuseMethodsBut, type Snapshot } from './api.ts';
import { readPage, type PageFile } from './demo/files.ts';
import { pagePolicy } from './demo/policy.ts';

const METHODS = ['GET', 'HEAD'] as const;
const HIDDEN = { schema: { hide: true }, config: { operationId: 'demo' }, exposeHeadRoute: false } as const;

/** `/demo`, a page to try the service with. Each of its files is a route of its own. Must come after the other routes. */
export async function serveDemo(app: FastifyInstance, current: () => Snapshot): Promise<void> {
  const files = await readPage();
  // Relative, so that it works behind a proxy that puts a path before it.
  serve(app, '/demo', (_request, reply) => reply.redirect('demo/'));
  for (const [path, file] of files)
    serve(app, `/demo/${path}`, (request, reply) => {
      reply.header('content-security-policy', pagePolicy(current().services.config));
      return sendFile(request, reply, file);
    });
}

function serve(
  app: FastifyInstance,
  url: string,
  handler: (request: FastifyRequest, reply: FastifyReply) => FastifyReply,
): void {
  app.route({ ...HIDDEN, method: [...METHODS], url, handler });
  refuseMethodsBut(app, url, METHODS);
}

function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { type, body, etag }: PageFile,
): FastifyReply {
  // Kept, and asked about each time: a new version of the service is a new page at once.
  reply.header('cache-control', 'no-cache').header('etag', etag);
  const known = (request.headers['if-none-match'] ?? '').split(/\s*,\s*/);
  if (known.some((each) => each.replace(/^W\//, '') === etag)) return reply.code(304).send();
  return reply.type(type).send(body);
}
