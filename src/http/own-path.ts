import type { FastifyRequest } from 'fastify';

/** A path of this API as the caller sees it: below the prefix that a host application gave it. */
export function ownPath({ server }: FastifyRequest, path: string): string {
  return server.prefix + path;
}
