import { metadataProblems } from '../../access/metadata.ts';
import { prefixProblem } from '../../access/object-key.ts';
import { InvalidRequest, type FieldError } from '../../errors.ts';
import { findGrant, listGrants, mintGrant, revokeGrant } from '../../uploads/grants.ts';
import { pageOf } from '../page-of.ts';
import { presentGrant } from '../present.ts';
import { ownPath } from '../own-path.ts';
import type { ScopedRoute } from '../route.ts';
import { CreateGrant, GrantParams, ListGrantsQuery } from '../schemas/grants.ts';
import { idOf } from './uploads.ts';

const KIB = 1024;

const create: ScopedRoute = {
  method: 'POST',
  url: '/v1/grants',
  operationId: 'createGrant',
  summary: 'Mint a short-lived token by which a browser gets slots',
  tag: 'grants',
  scopes: ['grants:write'],
  bodyLimitBytes: 64 * KIB,
  body: CreateGrant,
  success: {
    status: 201,
    schema: 'MintedGrant',
    description: 'The grant and its token, which is told only now. Whoever has the token has the slots.',
    headers: { 201: ['Location'] },
  },
  problems: [413, 415, 422, 501],
  async handle({ services, principal, request, reply }) {
    const ask = request.body as CreateGrant;
    const errors = unfit(ask);
    if (errors.length > 0) throw new InvalidRequest(errors);
    const { grant, token } = await mintGrant(services, principal, {
      count: ask.count,
      maxSizeBytes: ask.maxSizeBytes ?? null,
      contentTypes: ask.contentTypes ?? null,
      methods: ask.methods ?? null,
      prefix: ask.prefix ?? null,
      metadata: ask.metadata ?? {},
      expiresInSeconds: ask.expiresInSeconds,
    });
    request.served.grantId = grant.id;
    return reply
      .code(201)
      .header('location', ownPath(request, `/v1/grants/${grant.id}`))
      .send({ ...presentGrant(grant), token });
  },
};

/** What a JSON schema cannot say of a grant. */
function unfit({ prefix, metadata = {} }: CreateGrant): FieldError[] {
  const ofPrefix = prefix === undefined ? undefined : prefixProblem(prefix);
  return [
    ...(ofPrefix === undefined ? [] : [{ path: '/prefix', message: ofPrefix }]),
    ...metadataProblems(metadata),
  ];
}

const list: ScopedRoute = {
  method: 'GET',
  url: '/v1/grants',
  operationId: 'listGrants',
  summary: 'The tenant’s grants, newest first',
  tag: 'grants',
  scopes: ['grants:write'],
  bodyLimitBytes: KIB,
  query: ListGrantsQuery,
  success: { status: 200, schema: 'GrantPage', description: 'One page; never a token.' },
  problems: [501],
  async handle({ services, principal, request, reply }) {
    const { cursor, limit = 50 } = request.query as ListGrantsQuery;
    const grants = await listGrants(services, principal, {
      ...(cursor !== undefined && { before: cursor }),
      limit: limit + 1,
    });
    const { page, nextCursor } = pageOf(grants, limit);
    return reply.send({ grants: page.map(presentGrant), nextCursor });
  },
};

const get: ScopedRoute = {
  method: 'GET',
  url: '/v1/grants/:id',
  operationId: 'getGrant',
  summary: 'One grant, never its token',
  tag: 'grants',
  scopes: ['grants:write'],
  bodyLimitBytes: KIB,
  params: GrantParams,
  success: { status: 200, schema: 'Grant', description: 'The grant, whatever became of it.' },
  problems: [404, 501],
  async handle({ services, principal, request, reply }) {
    request.served.grantId = idOf(request);
    return reply.send(presentGrant(await findGrant(services, principal, idOf(request))));
  },
};

const revoke: ScopedRoute = {
  method: 'DELETE',
  url: '/v1/grants/:id',
  operationId: 'revokeGrant',
  summary: 'End a grant at once',
  tag: 'grants',
  scopes: ['grants:write'],
  bodyLimitBytes: KIB,
  params: GrantParams,
  success: { status: 200, schema: 'Grant', description: 'The grant, revoked. Repeatable.' },
  problems: [404, 501],
  async handle({ services, principal, request, reply }) {
    request.served.grantId = idOf(request);
    return reply.send(presentGrant(await revokeGrant(services, principal, idOf(request))));
  },
};

export const grantRoutes = [create, list, get, revoke] as const;
