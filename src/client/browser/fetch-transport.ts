import { retryAfterIn, type ServiceTransport } from '../transport.ts';
import { NoAnswer, type Connection } from './connection.ts';

/** The service itself waits for S3 up to 20 seconds. */
const LONGEST_MS = 60_000;

/** Reaches the service by `fetch`: no cookies, no cache, no redirects. */
export function fetchTransport(connection: Connection): ServiceTransport {
  return {
    send: ({ method, url, headers, body, signal }) =>
      connection.reach('service', url, signal, async (signal) => {
        try {
          const answer = await fetch(url, {
            ...{ method, headers, body: body ?? null },
            ...{ credentials: 'omit', cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer' },
            signal: AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]),
          });
          const retryAfterSeconds = retryAfterIn(answer.headers.get('retry-after'));
          return { status: answer.status, retryAfterSeconds, text: await answer.text() };
        } catch (cause) {
          throw new NoAnswer(false, { cause });
        }
      }),
  };
}
