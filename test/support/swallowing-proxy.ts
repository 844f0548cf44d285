import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A way to a server that may go quiet: what the server answers is swallowed, and the connection stays open. */
export interface SwallowingProxy extends AsyncDisposable {
  readonly port: number;
  /** From the first time on that a client says this, its connection hears nothing more. Later connections are not concerned. */
  goQuietAt(words: string): void;
}

/** On 127.0.0.1, to a server there that speaks in clear. */
export async function swallowingProxy(port: number): Promise<SwallowingProxy> {
  const sockets = new Set<Socket>();
  let words: string | undefined;
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    let isQuiet = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk) => {
      if (words !== undefined && chunk.includes(words)) {
        isQuiet = true;
        words = undefined;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!isQuiet) client.write(chunk);
    });
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    goQuietAt(said) {
      words = said;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
