import { connect, createServer, type Socket } from 'node:net';
import { severable } from '../support/severable.ts';

/** Passes TCP on to a server until it is cut: an S3 that is down for the service, and comes back at the same address. */
export interface Relay extends AsyncDisposable {
  readonly endpoint: URL;
  cut(): Promise<void>;
  mend(): Promise<void>;
  /** Keeps back all that arrives, until released. */
  hold(): void;
  release(): void;
}

export async function relayTo(endpoint: string): Promise<Relay> {
  const to = new URL(endpoint);
  const sockets = new Set<Socket>();
  let held: (() => void)[] | undefined;
  const server = createServer((inbound) => {
    const outbound = connect(Number(to.port), to.hostname);
    for (const [socket, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.on('data', (chunk) => {
        const pass = () => void other.write(chunk);
        if (held === undefined) pass();
        else held.push(pass);
      });
      socket.on('end', () => other.end());
    }
  });
  const { port, cut, mend } = await severable(server, 'localhost', sockets);
  return {
    endpoint: new URL(`https://localhost:${port}`),
    cut,
    mend,
    hold() {
      held ??= [];
    },
    release() {
      const waiting = held ?? [];
      held = undefined;
      for (const pass of waiting) pass();
    },
    [Symbol.asyncDispose]: cut,
  };
}
