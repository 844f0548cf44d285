import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Service } from './service.ts';

const LOOK_EVERY_MS = 100;
/** Less than the service keeps an idle connection. */
const KEEP_MS = 30_000;

type Replica = Pick<Service, 'url' | 'adminUrl'>;

/**
 * Sends requests to the replicas in turn that say on `/readyz` that they are ready, over connections that it keeps. It asks nobody twice: what a replica
 * fails, the client gets as 502.
 */
export interface Balancer extends AsyncDisposable {
  readonly url: string;
  add(replica: Replica): void;
  remove(replica: Replica): void;
  isReady(replica: Replica): boolean;
}

export async function startBalancer(): Promise<Balancer> {
  const agent = new Agent({ keepAlive: true, timeout: KEEP_MS });
  const ready = new Map<Replica, boolean>();
  const clients = new Set<Socket>();
  let turn = 0;

  const look = async (replica: Replica): Promise<void> => {
    const status = await fetch(`${replica.adminUrl}/readyz`)
      .then(async (answer) => {
        await answer.body?.cancel();
        return answer.status;
      })
      .catch(() => 0);
    if (ready.has(replica)) ready.set(replica, status === 200);
  };
  const looking = setInterval(() => {
    for (const replica of ready.keys()) void look(replica);
  }, LOOK_EVERY_MS);

  async function pass(inbound: IncomingMessage, response: ServerResponse): Promise<void> {
    const good = [...ready].filter(([, isReady]) => isReady).map(([replica]) => replica);
    const replica = good[(turn += 1) % good.length];
    if (replica === undefined) {
      response.writeHead(503).end('no replica is ready');
      return;
    }
    const { method, headers } = inbound;
    const outbound = request(new URL(inbound.url ?? '/', replica.url), { method, headers, agent });
    const answered = once(outbound, 'response') as Promise<[IncomingMessage]>;
    answered.catch(() => undefined);
    await pipeline(inbound, outbound);
    const [answer] = await answered;
    const { connection: _hop, ...passed } = answer.headers;
    response.writeHead(answer.statusCode ?? 502, passed);
    await pipeline(answer, response);
  }

  const server = createServer((inbound, response) => {
    pass(inbound, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end(String(error));
    });
  });
  // Of a client's idle connection: a client that uses it at that very moment would be reset, by nobody's fault but the balancer's.
  server.keepAliveTimeout = 0;
  server.on('connection', (socket) => {
    clients.add(socket);
    socket.on('close', () => clients.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (replica) => void ready.set(replica, false),
    remove: (replica) => void ready.delete(replica),
    isReady: (replica) => ready.get(replica) === true,
    async [Symbol.asyncDispose]() {
      clearInterval(looking);
      const closed = once(server, 'close');
      server.close();
      for (const client of clients) client.destroy();
      await closed;
      agent.destroy();
    },
  };
}
