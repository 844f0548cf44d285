import type { FastifySchema } from 'fastify';
import type { Route } from './route.ts';
import { headersOf, headersOfProblem, OF_LIMITS } from './schemas/response-headers.ts';

/** Statuses that any route can answer, and those that refuse credentials. */
const COMMON_PROBLEMS = [400, 429, 500, 503];
const CREDENTIAL_PROBLEMS = [401, 403];

/** A route's operation, for the document, for validation and for what answers may hold. */
export function schemaOf(route: Route): FastifySchema {
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

function successesOf({ method, success, scopes }: Route): object {
  const { status, description, schema = 'Empty', mediaTypes, others = {}, headers = {} } = success;
  const $ref = `${schema}#`;
  const limits = scopes === 'link' ? [] : OF_LIMITS;
  const body =
    mediaTypes === undefined
      ? { $ref }
      : { content: Object.fromEntries(mediaTypes.map((type) => [type, { schema: { $ref } }])) };
  return Object.fromEntries(
    Object.entries({ [status]: description, ...others }).map(([at, words]) => {
      const isEmpty = method === 'HEAD' || at === '304';
      const told = { description: words, ...headersOf([...(headers[Number(at)] ?? []), ...limits]) };
      return [at, { ...told, ...(isEmpty ? WITHOUT_BODY : body) }];
    }),
  );
}

function problemOf({ method, scopes }: Route, status: number): object {
  const body = { content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } } };
  const told = {
    description: 'A problem (RFC 9457).',
    ...headersOfProblem(status, status === 429 && scopes !== 'link' ? OF_LIMITS : []),
  };
  return { ...told, ...(method === 'HEAD' ? WITHOUT_BODY : body) };
}

/** How the document's maker is told of a response without content. */
const WITHOUT_BODY = { type: 'null' };
