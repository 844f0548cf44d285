import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import type { TestCa } from '../../../support/ca.ts';

export interface LocalServer extends AsyncDisposable {
  readonly port: number;
}

/** Serves HTTPS on 127.0.0.1, on a port of its own. */
export async function startHttps(
  tls: Pick<TestCa, 'certFile' | 'keyFile'>,
  listener: RequestListener,
): Promise<LocalServer> {
  const [key, cert] = await Promise.all([readFile(tls.keyFile), readFile(tls.certFile)]);
  return listen(createServer({ key, cert }, listener));
}

/** Takes connections on 127.0.0.1; each gets `greeting` as soon as it speaks, or silence. */
export async function startTcp(greeting?: string): Promise<LocalServer> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    if (greeting !== undefined) socket.on('data', () => socket.end(greeting));
  });
  return listen(server);
}

async function listen(server: Server): Promise<LocalServer> {
  const sockets = new Set<{ destroy(): unknown }>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
