import { once } from 'node:events';
import type { Server } from 'node:net';

/** A listening server whose lines can be cut, and which comes back at the same port. */
export interface Severable {
  readonly port: number;
  /** Closes, and destroys what is open. */
  readonly cut: () => Promise<void>;
  readonly mend: () => Promise<void>;
}

export async function severable(
  server: Server,
  host: string,
  sockets: Iterable<{ destroy(): unknown }>,
): Promise<Severable> {
  const listen = async (port: number): Promise<number> => {
    server.listen(port, host);
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  };
  const port = await listen(0);
  return {
    port,
    async cut() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    async mend() {
      if (!server.listening) await listen(port);
    },
  };
}
