import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestCa } from './ca.ts';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What a receiver does with a message. */
export type Behaviour = (received: Received, response: ServerResponse, request: IncomingMessage) => void;

/** Webhooks' other end: TLS on loopback, and it remembers what came. */
export interface Receiver extends AsyncDisposable {
  readonly port: number;
  readonly received: readonly Received[];
  /** How often somebody connected, whether or not anything was sent. */
  readonly connections: () => number;
  /** Until it is changed, 204. */
  behave: Behaviour;
  /** When so many have come. */
  got(count: number): Promise<void>;
}

export const answering =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  (_received, response) =>
    response.writeHead(status, headers).end();

export const hanging: Behaviour = () => undefined;

export async function startReceiver(ca: TestCa): Promise<Receiver> {
  const [cert, key] = await Promise.all([readFile(ca.certFile), readFile(ca.keyFile)]);
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  let connections = 0;
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        const one = { path: request.url ?? '', headers: request.headers, body };
        received.push(one);
        receiver.behave(one, response, request);
        for (const look of waiting) look();
      });
  });
  server.on('connection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver: Receiver = {
    port: (server.address() as AddressInfo).port,
    received,
    connections: () => connections,
    behave: answering(204),
    got: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (received.length < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return receiver;
}
