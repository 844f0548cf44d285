import { once } from 'node:events';
import {
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer, request as httpsRequest, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { severable, type Severable } from '../support/severable.ts';

const PATIENCE_MS = 60_000;
const HOP_BY_HOP = new Set(['connection', 'keep-alive']);

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A request as it came in. */
export interface Passed {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly partNumber: number | undefined;
  readonly headers: IncomingMessage['headers'];
  /** Of the body, as far as it came in. */
  bytes: number;
  /** Of the answer; undefined while there is none. */
  status: number | undefined;
}

export type Match = (request: Passed) => boolean;

export const isPut: Match = ({ method }) => method === 'PUT';
/** @param partNumber of a multipart upload. */
export const isPart =
  (partNumber: number): Match =>
  (passed) =>
    isPut(passed) && passed.partNumber === partNumber;

/** A request that waits in the middle of its body. */
export interface Held {
  /** When it has got there. */
  readonly reached: Promise<Passed>;
  release(): void;
}

interface Rule {
  readonly matches: Match;
  readonly bytes: number;
  act(passed: Passed, socket: Socket): Promise<void> | void;
}

/** TLS in front of a server, which writes down what passes and can be told to fail. All it passes on is as it came, the host as well. */
export class TlsProxy implements AsyncDisposable {
  readonly passed: Passed[] = [];
  #underWay = 0;
  readonly #to: URL;
  readonly #ca: string | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #line!: Severable;
  #rules: Rule[] = [];
  #lost: { matches: Match; done: (passed: Passed) => void }[] = [];

  /** @param ca PEM that the server's own certificate is judged by. */
  static async to(endpoint: string, certificate: Certificate, ca?: string): Promise<TlsProxy> {
    const proxy = new TlsProxy(new URL(endpoint), certificate, ca);
    proxy.#line = await severable(proxy.#server, '127.0.0.1', proxy.#sockets);
    return proxy;
  }

  private constructor(to: URL, certificate: Certificate, ca: string | undefined) {
    this.#to = to;
    this.#ca = ca;
    this.#server = createServer({ ...certificate }, (request, response) => {
      this.#underWay += 1;
      this.#pass(request, response)
        .catch(() => request.socket.destroy())
        .finally(() => (this.#underWay -= 1));
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  get origin(): string {
    return `https://localhost:${this.#line.port}`;
  }

  /** Whether all that came in has come to its end. */
  get isQuiet(): boolean {
    return this.#underWay === 0;
  }

  /** Bytes of bodies that came in, of the requests that match. */
  bytesOf(matches: Match): number {
    return this.passed.filter(matches).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Whether S3 has answered 200 to this part of the one multipart upload. */
  hasPart(partNumber: number): boolean {
    return this.passed.some((passed) => isPart(partNumber)(passed) && passed.status === 200);
  }

  /** The next request that matches waits when so much of its body has come in. */
  hold(matches: Match, bytes: number): Held {
    const reached = awaited('held');
    const released = Promise.withResolvers<undefined>();
    this.#rules.push({
      matches,
      bytes,
      async act(passed) {
        reached.resolve(passed);
        await released.promise;
      },
    });
    return { reached: reached.promise, release: () => released.resolve(undefined) };
  }

  /** The next request that matches loses its connection when so much of its body has come in. */
  reset(matches: Match, bytes: number): Promise<Passed> {
    const done = awaited('reset');
    this.#rules.push({
      matches,
      bytes,
      act(passed, socket) {
        socket.destroy();
        done.resolve(passed);
      },
    });
    return done.promise;
  }

  /** The next request that matches arrives whole, and its answer does not. Resolves with the request when that has happened. */
  loseAnswer(matches: Match): Promise<Passed> {
    const { promise, resolve } = awaited('answered in vain');
    this.#lost.push({ matches, done: resolve });
    return promise;
  }

  /** Nobody answers for so long, and what is under way is broken off. Resolves when it is over. */
  async cutFor(seconds: number): Promise<void> {
    await this.#line.cut();
    const over = Promise.withResolvers<undefined>();
    setTimeout(() => over.resolve(undefined), seconds * 1000);
    await over.promise;
    await this.#line.mend();
  }

  /** Shows another certificate from the next connection on; there is none from before. */
  present(certificate: Certificate): void {
    this.#server.setSecureContext({ ...certificate });
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#line.cut();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/';
    const partNumber = new URL(url, this.origin).searchParams.get('partNumber');
    const passed: Passed = {
      method: request.method ?? '',
      url,
      partNumber: partNumber === null ? undefined : Number(partNumber),
      headers: request.headers,
      bytes: 0,
      status: undefined,
    };
    this.passed.push(passed);
    const outgoing = this.#send(request);
    // S3 may answer before it has all, and then hang up on the rest.
    const answered = this.#answer(outgoing, passed, request, response);
    answered.catch(() => request.socket.destroy());
    try {
      await this.#apply(passed, request.socket);
      for await (const chunk of request as AsyncIterable<Buffer>) {
        passed.bytes += chunk.length;
        await this.#apply(passed, request.socket);
        if (outgoing.destroyed) break;
        if (!outgoing.write(chunk)) await drained(outgoing);
      }
      outgoing.end();
    } catch (error) {
      outgoing.destroy();
      throw error;
    }
    await answered;
  }

  #send(request: IncomingMessage): ClientRequest {
    const { hostname: host, port, protocol } = this.#to;
    const { method, url: path, headers } = request;
    const options = { host, port, method, path, headers, setHost: false };
    return protocol === 'https:'
      ? httpsRequest({ ...options, servername: host, ca: this.#ca })
      : httpRequest(options);
  }

  async #answer(
    outgoing: ClientRequest,
    passed: Passed,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    // Of the rest, when S3 hangs up on it; the answer is told or broken off below.
    outgoing.on('error', () => undefined);
    const lost = this.#lost.findIndex(({ matches }) => matches(passed));
    if (lost >= 0) {
      const [rule] = this.#lost.splice(lost, 1);
      answer.resume();
      await once(answer, 'end');
      request.socket.destroy();
      passed.status = answer.statusCode;
      rule?.done(passed);
      return;
    }
    passed.status = answer.statusCode;
    const headers = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name));
    response.writeHead(answer.statusCode ?? 502, Object.fromEntries(headers));
    await pipeline(answer, response);
  }

  async #apply(passed: Passed, socket: Socket): Promise<void> {
    const index = this.#rules.findIndex(({ matches, bytes }) => passed.bytes >= bytes && matches(passed));
    if (index < 0) return;
    const [rule] = this.#rules.splice(index, 1);
    await rule?.act(passed, socket);
  }
}

/** A request that should come; not for ever. */
function awaited(what: string): PromiseWithResolvers<Passed> {
  const request = Promise.withResolvers<Passed>();
  const error = new Error(`no request came to be ${what}`);
  const timer = setTimeout(() => request.reject(error), PATIENCE_MS).unref();
  request.promise.then(
    () => clearTimeout(timer),
    () => undefined,
  );
  return request;
}

/** Until more may be written, or nothing can be. */
const drained = (outgoing: ClientRequest): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      outgoing.off('drain', done).off('close', done);
      resolve();
    };
    outgoing.on('drain', done).on('close', done);
  });
