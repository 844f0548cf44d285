import { METHODS } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, HTTPMethods } from 'fastify';
import { actAs } from '../acting.ts';
import { authenticateBearer } from '../access/authenticate.ts';
import type { Authenticator } from '../access/port.ts';
import { verifyLink, type Link } from '../access/link.ts';
import type { Principal } from '../access/principal.ts';
import { InsufficientScope, Unauthenticated } from '../errors.ts';
import type { Services } from '../uploads/services.ts';
import { sendPlainProblem, sendProblem } from './problem.ts';
import type { Route, ScopedRoute } from './route.ts';
import { headersOf, headersOfProblem } from './schemas/response-headers.ts';

/** What one request is served with; a reload makes another. */
export interface Snapshot {
  readonly services: Services;
  readonly authenticators: readonly Authenticator[];
}

/** What the log and the metrics may know of a request. */
export interface Served {
  principal?: Principal;
  link?: Link;
  /** The grant that a call is about. */
  grantId?: string;
  error?: unknown;
  /** How many slots an event had looked at. */
  hints?: number;
}

declare module 'fastify' {
  interface FastifyRequest {
    served: Served;
  }
  interface FastifyContextConfig {
    operationId?: string;
    emptyBodyAllowed?: boolean;
  }
}

/** Statuses that any route can answer, and those that refuse credentials. */
const COMMON_PROBLEMS = [400, 500, 503];
const CREDENTIAL_PROBLEMS = [401, 403];

/** Registers the table: authentication and scope before the body is read, then validation, then the handler. Default deny. */
export function registerRoutes(
  app: FastifyInstance,
  routes: readonly Route[],
  current: () => Snapshot,
): void {
  parseJsonOrNothing(app);
  for (const route of routes) {
    const kept = new WeakMap<FastifyRequest, Snapshot>();
    app.route({
      method: route.method,
      url: route.url,
      bodyLimit: route.bodyLimitBytes,
      exposeHeadRoute: false,
      config: { operationId: route.operationId, emptyBodyAllowed: route.emptyBodyAllowed ?? false },
      attachValidation: route.ownsMistakes ?? false,
      schema: schemaOf(route),
      onRequest: async (request) => {
        const snapshot = current();
        if (route.scopes === 'link') await admitLink(request, snapshot);
        else await admitPrincipal(request, snapshot, route.scopes);
        kept.set(request, snapshot);
      },
      preValidation: async (request) => {
        // Absent only: a JSON `null` is a body, and a wrong one.
        if (route.emptyBodyAllowed === true && request.body === undefined) request.body = {};
      },
      handler: async (request, reply) => {
        const services = kept.get(request)?.services;
        const { principal, link } = request.served;
        if (services !== undefined && route.scopes !== 'link' && principal !== undefined)
          return actAs({ actor: principal.id, requestId: request.id }, () =>
            route.handle({ services, principal, request, reply }),
          );
        if (services !== undefined && route.scopes === 'link' && link !== undefined)
          return actAs({ actor: 'link', requestId: request.id }, () =>
            route.handle({ services, link, request, reply }),
          );
        throw new Unauthenticated('Send credentials.');
      },
    });
  }
  refuseOtherMethods(app, routes);
}

async function admitPrincipal(
  request: FastifyRequest,
  { services, authenticators }: Snapshot,
  scopes: ScopedRoute['scopes'],
): Promise<void> {
  const principal = await authenticateBearer(request.headers.authorization, authenticators);
  request.served.principal = principal;
  if (!Object.hasOwn(services.config.tenants, principal.tenant)) {
    throw new Unauthenticated('These credentials name no tenant of this service.');
  }
  if (!scopes.some((scope) => principal.scopes.has(scope))) throw new InsufficientScope(scopes[0]);
}

async function admitLink(request: FastifyRequest, { services }: Snapshot): Promise<void> {
  const { link } = request.params as { link: string };
  request.served.link = await verifyLink(services.config.content.linkSecrets, link, services.now());
}

/** Many HTTP clients announce JSON and send nothing; where the body may be left out that is `{}`. */
function parseJsonOrNothing(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '' && request.routeOptions.config.emptyBodyAllowed === true) done(null, {});
    else void parse(request, body as string, done);
  });
}

/** Every path of the table answers 405 with `Allow` to the methods it does not declare. */
function refuseOtherMethods(app: FastifyInstance, routes: readonly Route[]): void {
  // All that Node can read, QUERY and the like too. It hands CONNECT to no request handler.
  const known = METHODS.filter((method) => method !== 'CONNECT') as HTTPMethods[];
  for (const method of known) if (!app.supportedMethods.includes(method)) app.addHttpMethod(method);
  for (const url of new Set(routes.map((route) => route.url))) {
    const allowed: string[] = routes.filter((route) => route.url === url).map((route) => route.method);
    app.route({
      method: known.filter((method) => !allowed.includes(method)),
      url,
      exposeHeadRoute: false,
      schema: { hide: true },
      // Before the body is read, so that a 405 is a 405 whatever was sent.
      onRequest: async (_request, reply: FastifyReply) => {
        reply.header('allow', allowed.join(', '));
        return sendPlainProblem(reply, 'method_not_allowed', `Use ${allowed.join(' or ')}.`);
      },
      handler: () => undefined,
    });
  }
  app.setNotFoundHandler((_request, reply) => {
    // A page that CORS keeps out finds out by it that there is a service: see the browser client's probe. It may know no more than that.
    reply.header('cross-origin-resource-policy', 'cross-origin');
    return sendPlainProblem(reply, 'route_not_found', 'There is no such path; see /openapi.json.');
  });
  app.setErrorHandler((error, request, reply) => {
    request.served.error = error;
    return sendProblem(reply, error);
  });
}

function schemaOf(route: Route): FastifySchema {
  const isLink = route.scopes === 'link';
  const problems = [...COMMON_PROBLEMS, ...(isLink ? [] : CREDENTIAL_PROBLEMS), ...route.problems];
  return {
    operationId: route.operationId,
    summary: route.summary,
    description:
      route.scopes === 'link'
        ? 'Needs no credentials: the link is signed.'
        : `Needs the scope ${route.scopes.map((scope) => `\`${scope}\``).join(' or ')}.`,
    tags: [route.tag],
    security: isLink ? [] : [{ bearer: [] }],
    ...(route.params && { params: route.params }),
    ...(route.query && { querystring: route.query }),
    ...(route.headers && { headers: route.headers }),
    ...(route.body && { body: { $ref: `${String((route.body as { $id?: string }).$id)}#` } }),
    response: {
      ...successesOf(route),
      ...Object.fromEntries(problems.map((status) => [status, problemOf(route, status)])),
    },
  };
}

function successesOf({ method, success }: Route): object {
  const { status, description, schema = 'Empty', mediaType, others = {}, headers = {} } = success;
  const $ref = `${schema}#`;
  const body = mediaType === undefined ? { $ref } : { content: { [mediaType]: { schema: { $ref } } } };
  return Object.fromEntries(
    Object.entries({ [status]: description, ...others }).map(([at, words]) => {
      const isEmpty = method === 'HEAD' || at === '304';
      const told = { description: words, ...headersOf(headers[Number(at)]) };
      return [at, { ...told, ...(isEmpty ? WITHOUT_BODY : body) }];
    }),
  );
}

function problemOf({ method }: Route, status: number): object {
  const body = { content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } } };
  const told = { description: 'A problem (RFC 9457).', ...headersOfProblem(status) };
  return { ...told, ...(method === 'HEAD' ? WITHOUT_BODY : body) };
}

/** How the document's maker is told of a response without content. */
const WITHOUT_BODY = { type: 'null' };
