import { Agent, request, type OutgoingHttpHeaders } from 'node:http';

export interface Ask {
  readonly method: string;
  /** From `/v1` on. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
}

export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** One client of a service: it asks one thing at a time over a connection that stays open, and that it makes anew when it was closed. */
export interface Client {
  /** Rejects with the connection's error. Nothing is asked twice. */
  ask(ask: Ask): Promise<Reply>;
  close(): void;
}

export function openClient(url: string, token: string, timeoutMs: number): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { hostname, port } = new URL(url);
  const own = { authorization: `Bearer ${token}` };
  return {
    ask({ method, path, headers, body }) {
      const { promise, resolve, reject } = Promise.withResolvers<Reply>();
      const call = request(
        {
          agent,
          hostname,
          port,
          method,
          path,
          headers: {
            ...own,
            ...(body !== undefined && {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(body),
            }),
            ...headers,
          },
          timeout: timeoutMs,
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (data: string) => (text += data));
          response.once('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
          response.once('error', reject);
        },
      );
      call.once('timeout', () =>
        call.destroy(Object.assign(new Error('no answer in time'), { code: 'TIMEOUT' })),
      );
      call.once('error', reject);
      call.end(body);
      return promise;
    },
    close: () => agent.destroy(),
  };
}
