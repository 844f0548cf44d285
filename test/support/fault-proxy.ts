import { connect, createServer, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { severable } from './severable.ts';

/**
 * What may befall the line to a server. Each is for the connections that are open and for new ones.
 * `cut`: nobody listens, and what is open ends. `blackhole`: no answer to a connect, and nothing more of what is open. `half-open`: connects are answered
 * by somebody who then swallows all, and so is what is open. `slow`: answers come, a byte at a time. `reset`: answers break off with an RST.
 */
export const FAULTS = ['cut', 'blackhole', 'half-open', 'slow', 'reset'] as const;
export type Fault = (typeof FAULTS)[number];

/** Passes TCP on to a server until it is told otherwise: a dependency that fails, and comes back at the same address. */
export interface FaultProxy extends AsyncDisposable {
  /** The server's, but for the port. */
  readonly endpoint: URL;
  readonly port: number;
  /** How many have connected so far, but for connects into a `blackhole`. */
  connections(): number;
  /** In place of whatever fault there is. @param afterBytes of an answer, `reset` only. */
  fail(fault: Fault, afterBytes?: number): Promise<void>;
  /** What has been swallowed does not come back: a connection of a `blackhole` or `half-open` stays silent. */
  mend(): Promise<void>;
  /** The same as `fail('cut')`. */
  cut(): Promise<void>;
  /** Keeps back all that arrives, until released. */
  hold(): void;
  release(): void;
}

const DRIP_MS = 100;
const AFTER_BYTES = 20;

/** One connection through the proxy, as whoever asked has it. */
class Line {
  readonly inbound: Socket;
  #outbound: Socket | undefined;
  #isSilent = false;
  #left = Infinity;
  #drip: NodeJS.Timeout | undefined;
  #drops: Buffer = Buffer.alloc(0);
  #held: (() => void)[] | undefined;

  constructor(inbound: Socket) {
    this.inbound = inbound;
    inbound.on('error', () => undefined);
    inbound.on('close', () => {
      clearInterval(this.#drip);
      this.#outbound?.destroy();
    });
  }

  to(port: number, host: string): void {
    const outbound = connect(port, host);
    this.#outbound = outbound;
    outbound.on('error', () => undefined);
    this.inbound.on('data', (chunk) => this.#pass(() => outbound.write(chunk)));
    this.inbound.on('end', () => {
      if (this.#isSilent) this.inbound.destroy();
      else this.#pass(() => outbound.end());
    });
    outbound.on('data', (chunk: Buffer) => this.#pass(() => this.#answer(chunk)));
    outbound.on('close', () => this.#pass(() => this.inbound.destroySoon()));
  }

  #pass(step: () => void): void {
    if (this.#isSilent) return;
    if (this.#held === undefined) step();
    else this.#held.push(step);
  }

  #answer(chunk: Buffer): void {
    if (this.#drip !== undefined) {
      this.#drops = Buffer.concat([this.#drops, chunk]);
      return;
    }
    this.inbound.write(chunk.subarray(0, this.#left));
    this.#left -= chunk.length;
    // Now and not when it is flushed: a reader that has stopped would hold it up.
    if (this.#left <= 0) setImmediate(() => this.inbound.resetAndDestroy());
  }

  silence(): void {
    this.#isSilent = true;
    this.#outbound?.destroy();
    this.inbound.resume();
  }

  slow(): void {
    this.#drip ??= setInterval(() => {
      if (this.#drops.length > 0) this.inbound.write(this.#drops.subarray(0, 1));
      this.#drops = this.#drops.subarray(1);
    }, DRIP_MS);
  }

  resetAfter(bytes: number): void {
    this.#left = bytes;
  }

  mend(): void {
    this.#left = Infinity;
    clearInterval(this.#drip);
    this.#drip = undefined;
    if (this.#drops.length > 0) this.inbound.write(this.#drops);
    this.#drops = Buffer.alloc(0);
  }

  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const waiting = this.#held ?? [];
    this.#held = undefined;
    for (const step of waiting) step();
  }
}

/** @param behind the server, such as `https://localhost:9000`. */
export async function faultProxy(behind: string | URL): Promise<FaultProxy> {
  const to = new URL(behind);
  const lines = new Set<Line>();
  let count = 0;
  let onLine: (line: Line) => void = () => undefined;
  let isHolding = false;
  let hole: AsyncDisposable | undefined;

  const server: Server = createServer({ allowHalfOpen: true }, (inbound) => {
    count += 1;
    const line = new Line(inbound);
    lines.add(line);
    inbound.on('close', () => lines.delete(line));
    if (isHolding) line.hold();
    line.to(Number(to.port), to.hostname);
    onLine(line);
  });
  const sockets = { [Symbol.iterator]: () => Array.from(lines, ({ inbound }) => inbound).values() };
  // Clients that know it as `localhost` find nobody at ::1, and come here.
  const { port, cut, mend: listen } = await severable(server, '127.0.0.1', sockets);

  const everyLine = (work: (line: Line) => void): void => {
    onLine = work;
    for (const line of lines) work(line);
  };
  const close = async (): Promise<void> => {
    await mend();
    await cut();
  };
  async function mend(): Promise<void> {
    await hole?.[Symbol.asyncDispose]();
    hole = undefined;
    onLine = () => undefined;
    for (const line of lines) line.mend();
    await listen();
  }

  const endpoint = new URL(to);
  endpoint.port = String(port);
  return {
    endpoint,
    port,
    connections: () => count,
    async fail(fault, afterBytes = AFTER_BYTES) {
      await mend();
      switch (fault) {
        case 'cut':
          await cut();
          break;
        case 'half-open':
          everyLine((line) => line.silence());
          break;
        case 'slow':
          everyLine((line) => line.slow());
          break;
        case 'reset':
          everyLine((line) => line.resetAfter(afterBytes));
          break;
        case 'blackhole': {
          everyLine((line) => line.silence());
          // Only the listener ends at once: the lines stay open and silent.
          server.close();
          hole = await blackHole(port);
        }
      }
    },
    mend,
    cut,
    hold() {
      isHolding = true;
      for (const line of lines) line.hold();
    },
    release() {
      isHolding = false;
      for (const line of lines) line.release();
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Runs in a thread that is then stopped for ever, so that nobody accepts. */
const LISTENING_ASLEEP = `
  const { createServer } = require('node:net');
  const { parentPort, workerData: port } = require('node:worker_threads');
  createServer().listen({ port, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage('listening');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;
/** More than its queue takes. From then on the kernel answers no SYN. */
const FILLERS = 8;

async function blackHole(port: number): Promise<AsyncDisposable> {
  const asleep = new Worker(LISTENING_ASLEEP, { eval: true, workerData: port });
  await once(asleep, 'message');
  const fillers = Array.from({ length: FILLERS }, () =>
    connect(port, '127.0.0.1').on('error', () => undefined),
  );
  await once(fillers[0]!, 'connect');
  return {
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      await asleep.terminate();
    },
  };
}
