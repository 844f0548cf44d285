import { retryAfterIn, type ServiceTransport } from '../transport.ts';
import { QUIET, type Connection } from './connection.ts';

/** The service itself waits for S3 up to 20 seconds. */
const LONGEST_MS = 60_000;

/** Reaches the service by `fetch`: no cookies, no cache, no redirects. */
export function fetchTransport(connection: Connection): ServiceTransport {
  return {
    send: ({ method, url, headers, body, signal }) =>
      connection.reach('service', url, signal, async () => {
        const timeout = AbortSignal.timeout(LONGEST_MS);
        try {
          const answer = await fetch(url, {
            ...{ method, headers, body: body ?? null },
            ...QUIET,
            redirect: 'error',
            signal: AbortSignal.any([signal ?? timeout, timeout]),
          });
          const retryAfterSeconds = retryAfterIn(answer.headers.get('retry-after'));
          return { status: answer.status, retryAfterSeconds, text: await answer.text() };
        } catch {
          return undefined;
        }
      }),
  };
}
