import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorObject } from 'ajv';
import { SealslotError, type FieldError } from '../errors.ts';
import { CODES } from './codes.ts';

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};

/** RFC 9457. `code` is the stable name; extra members depend on it. */
export interface Problem extends Record<string, unknown> {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
}

export function problem(
  code: string,
  detail: string,
  extra: Readonly<Record<string, unknown>> = {},
): Problem {
  const status = CODES[code]?.status ?? 500;
  return {
    ...extra,
    type: `urn:sealslot:error:${code}`,
    title: TITLES[status] ?? 'Error',
    status,
    code,
    detail,
  };
}

/** Fastify's own refusals, by its codes. Their words name no header or body content. */
const FASTIFY_CODES: Readonly<Record<string, { code: string; detail: string }>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'unsupported_media_type',
    detail: 'Send the body as application/json.',
  },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'body_too_large', detail: 'The body is over the limit of this call.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'invalid_request',
    detail: 'Content-Length differs from the body.',
  },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'invalid_json', detail: 'The body is not valid JSON.' },
  FST_ERR_CTP_EMPTY_JSON_BODY: {
    code: 'invalid_json',
    detail: 'The body is empty; this call needs a JSON object.',
  },
  FST_ERR_BAD_URL: { code: 'invalid_request', detail: 'The path is not validly percent-encoded.' },
  FST_ERR_MAX_PARAM_LENGTH: { code: 'uri_too_long', detail: 'A part of the path is too long.' },
  FST_STATIC_FORBIDDEN_PATH: { code: 'route_not_found', detail: 'There is no such path.' },
  FST_ERR_ASYNC_CONSTRAINT: { code: 'invalid_request', detail: 'The request was refused.' },
};

/** Whether what was thrown is a refusal of ours, or of Fastify on our behalf. */
export function isOurs(error: unknown): boolean {
  if (error instanceof SealslotError) return true;
  const { code, statusCode } = error as Partial<FastifyError>;
  // The parser of JSON throws a SyntaxError.
  return (
    (code !== undefined && code in FASTIFY_CODES) || (statusCode === 400 && error instanceof SyntaxError)
  );
}

/** What any thrown value becomes. A 500 says nothing of its cause; the log does. */
export function toProblem(error: unknown): Problem {
  if (error instanceof SealslotError) return problem(error.code, error.message, error.extra);
  const fastifyError = error as Partial<FastifyError>;
  const known = fastifyError.code === undefined ? undefined : FASTIFY_CODES[fastifyError.code];
  if (known !== undefined) return problem(known.code, known.detail);
  if (fastifyError.statusCode === 400) return problem('invalid_json', 'The body is not valid JSON.');
  return problem('internal_error', 'Something went wrong here; the request id names it in our log.');
}

/** Answers with the problem, and with the headers that its kind calls for. */
export function sendProblem(reply: FastifyReply, error: unknown): FastifyReply {
  const body = toProblem(error);
  if (error instanceof SealslotError) {
    if (error.retryAfterSeconds !== undefined) reply.header('retry-after', error.retryAfterSeconds);
    const challenge = challengeFor(error, reply.request);
    if (challenge !== undefined) reply.header('www-authenticate', challenge);
  }
  return reply.code(body.status).type('application/problem+json').send(encode(reply, body));
}

/** A 404 or 405 that no handler threw. */
export function sendPlainProblem(reply: FastifyReply, code: string, detail: string): FastifyReply {
  const body = problem(code, detail);
  return reply.code(body.status).type('application/problem+json').send(encode(reply, body));
}

/** As bytes: to text, Fastify would add a charset that this media type does not have. */
function encode(reply: FastifyReply, body: Problem): Buffer {
  return Buffer.from(JSON.stringify({ ...body, requestId: reply.request.id }));
}

/** RFC 6750, section 3. */
function challengeFor(error: SealslotError, request: FastifyRequest): string | undefined {
  if (error.code === 'unauthenticated') {
    const sent = request.headers.authorization !== undefined;
    return `Bearer realm="sealslot"${sent ? ', error="invalid_token"' : ''}`;
  }
  if (error.code === 'insufficient_scope') {
    return `Bearer realm="sealslot", error="insufficient_scope", scope="${String(error.extra.scope)}"`;
  }
  return undefined;
}

/** Shorter than a customer key in base64: a name may be one, put on the wrong side of the colon. */
const LONGEST_NAME = 40;

/** Enough to mend a request by; a body of thousands of mistakes gets no answer many times its size. */
export const MOST_ERRORS = 100;

/** Ajv's errors in our words: where, and what would be right. Never what was sent. */
export function fieldErrors(part: string, errors: readonly ErrorObject[]): FieldError[] {
  return errors.slice(0, MOST_ERRORS).map((error) => {
    const params = error.params as Record<string, unknown>;
    const member =
      params.additionalProperty ?? params.missingProperty ?? params.propertyName ?? error.propertyName;
    const last = typeof member === 'string' ? [member.replaceAll('~', '~0').replaceAll('/', '~1')] : [];
    const names = [...error.instancePath.split('/'), ...last];
    const path = names.map((name) => (name.length > LONGEST_NAME ? '…' : name)).join('/');
    return { path: part === 'body' ? path || '/' : `${part}${path}`, message: wordsFor(error) };
  });
}

function wordsFor(error: ErrorObject): string {
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'additionalProperties':
      return 'is not a member of this request';
    case 'required':
      return 'is required';
    case 'enum':
      return `must be one of ${(params.allowedValues as string[]).join(', ')}`;
    case 'const':
      return `must be ${JSON.stringify(params.allowedValue)}`;
    case 'pattern': {
      const { description } = error.parentSchema as { description?: string };
      return description === undefined ? (error.message ?? 'is not valid') : `must be: ${description}`;
    }
    default:
      return error.message ?? 'is not valid';
  }
}
