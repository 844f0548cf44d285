import { retryAfterIn, type ServiceTransport } from '../transport.ts';
import { QUIET, type Connection } from './connection.ts';

/** Reaches the service by `fetch`: no cookies, no cache, no redirects. */
export function fetchTransport(connection: Connection): ServiceTransport {
  return {
    send: ({ method, url, headers, body, signal }) =>
      connection.reach('service', url, signal, async () => {
        // The service itself waits for S3 up to 20 seconds.
        const timeout = AbortSignal.timeout(60_000);
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
