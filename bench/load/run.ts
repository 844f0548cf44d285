import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { openClient, type Client } from './http.ts';
import type { Mix, Mixed } from './mix.ts';
import { Tally, type Summary } from './tally.ts';

export interface LoadOptions {
  /** Services of one store, or a balancer before them; the connections are spread over these. */
  readonly urls: readonly [string, ...string[]];
  readonly token: string;
  readonly mix: Pick<Mix, 'next'>;
  readonly connections: number;
  readonly seconds: number;
  /**
   * Asks a second. Each has its moment, by chance as those of many independent clients, and its time counts from there: what waits for a
   * free connection because others are slow is slow too. Without it a connection asks again as soon as it was answered.
   */
  readonly rate?: number;
  readonly timeoutMs?: number;
  /** Ends it before its time. */
  readonly signal?: AbortSignal;
}

const TICK_MS = 1;

/** Asks for so long, then waits for what is under way. */
export async function runLoad(options: LoadOptions): Promise<Summary> {
  const { urls, token, connections, seconds, timeoutMs = 30_000 } = options;
  const clients = Array.from({ length: connections }, (_, index) =>
    openClient(urls[index % urls.length] ?? urls[0], token, timeoutMs),
  );
  const tally = new Tally();
  const lag = monitorEventLoopDelay({ resolution: 10 });
  lag.enable();
  const begun = performance.now();
  const end = begun + seconds * 1_000;
  const isOver = (): boolean => performance.now() >= end || options.signal?.aborted === true;
  try {
    const unsent =
      options.rate === undefined
        ? await closedLoop(clients, options.mix, tally, isOver)
        : await atRate(clients, options.mix, tally, isOver, options.rate);
    const took = (performance.now() - begun) / 1_000;
    return tally.sum(took, { unsent, ownLagMs: lag.percentile(99) / 1e6 });
  } finally {
    lag.disable();
    for (const client of clients) client.close();
  }
}

async function closedLoop(
  clients: readonly Client[],
  mix: LoadOptions['mix'],
  tally: Tally,
  isOver: () => boolean,
): Promise<number> {
  await Promise.all(
    clients.map(async (client) => {
      while (!isOver()) await measure(client, mix.next(), tally, performance.now());
    }),
  );
  return 0;
}

async function atRate(
  clients: readonly Client[],
  mix: LoadOptions['mix'],
  tally: Tally,
  isOver: () => boolean,
  rate: number,
): Promise<number> {
  const idle = [...clients];
  const due: number[] = [];
  const busy = new Set<Promise<void>>();
  const send = (): void => {
    while (due.length > 0 && idle.length > 0) {
      const client = idle.shift();
      const since = due.shift();
      if (client === undefined || since === undefined) return;
      const sent = measure(client, mix.next(), tally, since).then(() => {
        busy.delete(sent);
        idle.push(client);
        if (!isOver()) send();
      });
      busy.add(sent);
    }
  };
  let next = performance.now();
  while (!isOver()) {
    for (; next <= performance.now(); next += (-Math.log(1 - Math.random()) * 1_000) / rate) due.push(next);
    send();
    await delay(TICK_MS);
  }
  await Promise.all(busy);
  return due.length;
}

async function measure(client: Client, ask: Mixed, tally: Tally, since: number): Promise<void> {
  try {
    const reply = await client.ask(ask);
    tally.add(ask.kind, reply.status, performance.now() - since);
    ask.learn(reply);
  } catch (error) {
    tally.add(ask.kind, (error as NodeJS.ErrnoException).code ?? 'ERROR', performance.now() - since);
  }
}
