/** Headers of answers that a client acts on, for the document. */
export const RESPONSE_HEADERS = {
  Location: { type: 'string', format: 'uri-reference', description: 'The path of what was made.' },
  'Idempotency-Replayed': {
    type: 'string',
    enum: ['true'],
    description: 'The Idempotency-Key was used before: these are the slots of then. Absent otherwise.',
  },
  ETag: { type: 'string', description: 'For If-None-Match.' },
  'Content-Range': { type: 'string', description: 'Which bytes of how many these are.' },
  'Retry-After': {
    type: 'integer',
    description: 'Seconds to wait before the same call. Absent where waiting alone does not help.',
  },
  RateLimit: {
    type: 'string',
    description:
      'How many requests are left and for how many seconds, such as `"principal";r=9;t=30, "tenant";r=990;t=12` (draft-ietf-httpapi-ratelimit-headers). Absent where no limit is set.',
  },
  'RateLimit-Policy': {
    type: 'string',
    description:
      'How many requests are allowed in how many seconds, such as `"principal";q=10;w=60, "tenant";q=1000;w=60`. Absent where no limit is set.',
  },
  'WWW-Authenticate': { type: 'string', description: 'RFC 6750, section 3.' },
} as const;
export type ResponseHeader = keyof typeof RESPONSE_HEADERS;

/** What problems of a status have, whatever the route. */
const OF_PROBLEMS: Readonly<Record<number, readonly ResponseHeader[]>> = {
  401: ['WWW-Authenticate'],
  403: ['WWW-Authenticate'],
  409: ['Retry-After'],
  416: ['Content-Range'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

/** What every answer to a principal has, of whom requests are limited. */
export const OF_LIMITS: readonly ResponseHeader[] = ['RateLimit', 'RateLimit-Policy'];

export function headersOf(names: readonly ResponseHeader[] = []): object {
  if (names.length === 0) return {};
  return { headers: Object.fromEntries(names.map((name) => [name, RESPONSE_HEADERS[name]])) };
}

export function headersOfProblem(status: number, others: readonly ResponseHeader[] = []): object {
  return headersOf([...(OF_PROBLEMS[status] ?? []), ...others]);
}
