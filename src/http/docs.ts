import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, { type FastifyInstance } from 'fastify';
import { schemaOf } from './operation.ts';
import type { Route } from './route.ts';
import { NAMED_SCHEMAS } from './schemas.ts';
import { WEBHOOKS } from './schemas/webhooks.ts';

/** An OpenAPI 3.1 document. */
export type ApiDocument = ReturnType<FastifyInstance['swagger']>;

/** `/openapi.json` from the route table's own schemas, and `/docs` to read it. */
export async function serveDocument(app: FastifyInstance, routes: readonly Route[]): Promise<void> {
  const document = await describeApi(routes, app.prefix);
  // For the UI, and in this context alone: a host application may have a document of its own.
  app.decorate('swagger', () => document);
  await app.register(async (ui) => swaggerUi(ui, { routePrefix: '/docs', staticCSP: true }, () => undefined));
  app.get(
    '/openapi.json',
    { schema: { hide: true }, config: { operationId: 'openapi' } },
    async () => document,
  );
}

/** Made with an instance that serves nothing, so that no other routes, schemas or settings get into it. */
export async function describeApi(routes: readonly Route[], prefix = ''): Promise<ApiDocument> {
  const app = Fastify({ exposeHeadRoutes: false });
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  for (const schema of NAMED_SCHEMAS) app.addSchema(schema);
  const bodyOptional = new Set<string | undefined>(
    routes.filter((route) => route.emptyBodyAllowed === true).map((route) => route.operationId),
  );
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
      servers: [{ url: prefix === '' ? '/' : prefix }],
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
  for (const route of routes)
    app.route({
      method: route.method,
      url: route.url,
      exposeHeadRoute: false,
      schema: schemaOf(route),
      handler: () => undefined,
    });
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}
