import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { actAs } from '../acting.ts';
import { authenticateBearer } from '../access/authenticate.ts';
import type { Authenticator } from '../access/port.ts';
import { verifyLink, type Link } from '../access/link.ts';
import type { Principal } from '../access/principal.ts';
import { InsufficientScope, Unauthenticated } from '../errors.ts';
import type { Services } from '../uploads/services.ts';
import { schemaOf } from './operation.ts';
import { sendPlainProblem } from './problem.ts';
import { createRateLimits, type RateLimits } from './rate-limits.ts';
import type { Route, ScopedRoute } from './route.ts';

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
  /** Whether the request has come past the hooks of a host application, if there is one. */
  ours?: true;
}

/**
 * Says who calls.
 * @throws Unauthenticated for nobody that is known here, DependencyUnavailable when that cannot be told now.
 */
export type Admits = (
  request: FastifyRequest,
  authenticators: readonly Authenticator[],
) => Promise<Principal>;

export const byBearer: Admits = (request, authenticators) =>
  authenticateBearer(request.headers.authorization, authenticators);

const SNAPSHOT = Symbol('what this request is served with');

declare module 'fastify' {
  interface FastifyRequest {
    served: Served;
    [SNAPSHOT]?: Snapshot;
  }
  interface FastifyContextConfig {
    operationId?: string;
    emptyBodyAllowed?: boolean;
  }
}

/**
 * Registers the table: authentication, rate limits and scope before the body is read, then validation, then the handler. Default deny, and
 * no route without limits.
 */
export function registerRoutes(
  app: FastifyInstance,
  routes: readonly Route[],
  current: () => Snapshot,
  admits: Admits = byBearer,
): void {
  parseJsonOrNothing(app);
  app.decorateRequest(SNAPSHOT, undefined);
  const limits = createRateLimits();
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.url,
      bodyLimit: route.bodyLimitBytes,
      exposeHeadRoute: false,
      config: { operationId: route.operationId, emptyBodyAllowed: route.emptyBodyAllowed ?? false },
      attachValidation: route.ownsMistakes ?? false,
      // A host application's document leaves our routes out: they have their own.
      schema: { ...schemaOf(route), hide: true },
      onRequest: async (request, reply) => {
        const snapshot = current();
        if (route.scopes === 'link') await admitLink(request, reply, snapshot, limits);
        else await admitPrincipal(request, reply, snapshot, limits, route.scopes, admits);
        request[SNAPSHOT] = snapshot;
      },
      ...(route.emptyBodyAllowed === true && { preValidation: takeNothingAsEmpty }),
      handler: async (request, reply) => {
        const services = request[SNAPSHOT]?.services;
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

/** Absent only: a JSON `null` is a body, and a wrong one. */
async function takeNothingAsEmpty(request: FastifyRequest): Promise<void> {
  if (request.body === undefined) request.body = {};
}

async function admitPrincipal(
  request: FastifyRequest,
  reply: FastifyReply,
  { services, authenticators }: Snapshot,
  limits: RateLimits,
  scopes: ScopedRoute['scopes'],
  admits: Admits,
): Promise<void> {
  const principal = await admits(request, authenticators);
  request.served.principal = principal;
  if (!Object.hasOwn(services.config.tenants, principal.tenant)) {
    throw new Unauthenticated('These credentials name no tenant of this service.');
  }
  await limits.ofPrincipal(services, principal, reply);
  if (!scopes.some((scope) => principal.scopes.has(scope))) throw new InsufficientScope(scopes[0]);
}

async function admitLink(
  request: FastifyRequest,
  reply: FastifyReply,
  { services }: Snapshot,
  limits: RateLimits,
): Promise<void> {
  const { link: text } = request.params as { link: string };
  const link = await verifyLink(services.config.content.linkSecrets, text, services.now());
  request.served.link = link;
  await limits.ofLink(services, link, reply);
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
  for (const url of new Set(routes.map((route) => route.url))) {
    const allowed = routes.filter((route) => route.url === url).map((route) => route.method);
    refuseMethodsBut(app, url, allowed);
  }
}

/** 405 with `Allow` for all other methods. */
export function refuseMethodsBut(app: FastifyInstance, url: string, allowed: readonly string[]): void {
  app.route({
    method: app.supportedMethods.filter((method) => !allowed.includes(method)),
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
