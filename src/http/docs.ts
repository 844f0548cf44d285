import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { NAMED_SCHEMAS } from './schemas.ts';
import { WEBHOOKS } from './schemas/webhooks.ts';

/** `/openapi.json` from the route table's own schemas, and `/docs` to read it. Must come before the routes. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  for (const schema of NAMED_SCHEMAS) app.addSchema(schema);
  const bodyOptional = new Set<string | undefined>();
  app.addHook('onRoute', ({ config }) => {
    if (config?.emptyBodyAllowed === true) bodyOptional.add(config.operationId);
  });
  await app.register(swagger, {
    exposeHeadRoutes: true,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'sealslot',
        version: '1',
        description: 'Upload slots: presigned S3 uploads under SSE-C, one random key per object.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: [
        { name: 'uploads', description: 'Slots and their objects.' },
        { name: 'grants', description: 'Tokens by which browsers without a JWT get slots.' },
        { name: 'content', description: 'Objects streamed through the service.' },
        { name: 'events', description: 'What S3 tells, and what webhooks are told.' },
      ],
      webhooks: WEBHOOKS,
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description:
              'A JWT of a configured issuer, an API key, or a grant, which is good for the slots it makes.',
          },
        },
      },
    },
    // The plugin calls every body required, and gives HEAD another name than its route's.
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject;
      for (const path of Object.values(document.openapiObject.paths ?? {})) {
        const body = path?.post?.requestBody;
        if (body !== undefined && 'content' in body && bodyOptional.has(path?.post?.operationId))
          body.required = false;
        if (path?.head?.operationId !== undefined)
          path.head.operationId = path.head.operationId.replace(/-head$/, '');
      }
      return document.openapiObject;
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) =>
        (json.$id as string | undefined) ?? `def-${index}`,
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  app.get('/openapi.json', { schema: { hide: true }, config: { operationId: 'openapi' } }, async () =>
    app.swagger(),
  );
}
