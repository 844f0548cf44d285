import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeCa } from '../support/ca.ts';
import { scratchFolder, type S3Server } from '../support/s3-server.ts';

/** How far a request has come: here, whole at S3, answered by S3 but not yet to whoever asked. */
export const MOMENTS = ['asked', 'sent', 'answered'] as const;
export type Moment = (typeof MOMENTS)[number];

export interface Passing {
  readonly moment: Moment;
  readonly method: string;
  /** Its path is the bucket and the object key. */
  readonly url: URL;
}

/** A real S3, its requests to be seen, and to be held up, on their way. */
export interface S3Proxy extends AsyncDisposable {
  /** The server behind, at the proxy's address. */
  readonly server: S3Server;
  /** The request goes no further until it resolves, and nowhere when whoever asked has gone by then. */
  watch: ((passing: Passing) => Promise<void> | void) | undefined;
}

/** @param refusesCopies as a server that has no copies under SSE-C. */
export async function s3Proxy(
  behind: S3Server,
  { refusesCopies }: { refusesCopies: boolean },
): Promise<S3Proxy> {
  const scratch = await scratchFolder('s3-proxy');
  const ca = await makeCa(join(scratch.path, 'tls'));
  const [cert, key] = await Promise.all([readFile(ca.certFile), readFile(ca.keyFile)]);
  const agent = new Agent({ ca: behind.caPem, keepAlive: true });
  const sockets = new Set<Socket>();

  const server = createServer({ cert, key }, (inbound, response) => {
    void pass(inbound, response).catch(() => response.destroy());
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  async function pass(inbound: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', headers } = inbound;
    const url = new URL(inbound.url ?? '/', behind.endpoint);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const at = async (moment: Moment): Promise<void> => {
      await proxy.watch?.({ moment, method, url });
      if (response.destroyed) throw new Error('whoever asked has gone');
    };

    await at('asked');
    if (refusesCopies && headers['x-amz-copy-source'] !== undefined) {
      refuse(inbound, response);
      return;
    }
    const outbound = request(url, { method, headers, agent, signal: gone.signal });
    const answered = once(outbound, 'response') as Promise<[IncomingMessage]>;
    // Before the request is whole nobody waits for its answer.
    answered.catch(() => undefined);
    await pipeline(inbound, outbound);
    await at('sent');
    const [answer] = await answered;
    await at('answered');
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    await pipeline(answer, response);
  }

  const proxy: S3Proxy = {
    server: { ...behind, endpoint: `https://localhost:${port}`, caFile: ca.caFile, caPem: ca.caPem },
    watch: undefined,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
      agent.destroy();
      await scratch.remove();
    },
  };
  return proxy;
}

function refuse(inbound: IncomingMessage, response: ServerResponse): void {
  inbound.resume();
  response.writeHead(501, { 'content-type': 'application/xml' });
  response.end('<Error><Code>NotImplemented</Code><Message>No copies here.</Message></Error>');
}
