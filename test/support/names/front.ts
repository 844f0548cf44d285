import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as plain } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, request as secure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeCa } from '../ca.ts';

/** A server behind the front: its address and, for https, who vouches for it; or one that answers here. */
export type Behind = { readonly url: string; readonly ca?: string } | RequestListener;

/** Whether to lose the answer of the server behind, once it is here. */
export type Fault = (request: IncomingMessage, status: number) => boolean;

export interface Exchange {
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

/** The reverse proxy with TLS that the documents ask for, for all their host names at once. */
export interface Front extends AsyncDisposable {
  readonly port: number;
  readonly caFile: string;
  /** Its own certificate, PEM. */
  readonly certificate: string;
  readonly seen: Exchange[];
  /** Asked for each answer; the connection is cut where it says so. */
  lose: Fault;
  /** Answers in place of the server behind, when it gives something. */
  instead: (request: IncomingMessage) => { status: number; headers: object; body: string } | undefined;
}

export async function startFront(
  dir: string,
  behind: Readonly<Record<string, (request: IncomingMessage) => Behind>>,
): Promise<Front> {
  const names = Object.keys(behind).map((name) => `DNS:${name}`);
  const ca = await makeCa(join(dir, 'front'), { names: names.join(',') });
  const certificate = await readFile(ca.certFile, 'utf8');
  const server = createServer({ cert: certificate, key: await readFile(ca.keyFile) });
  const front = {
    caFile: ca.caFile,
    certificate,
    seen: [] as Exchange[],
    lose: (() => false) as Fault,
    instead: (() => undefined) as Front['instead'],
  };

  async function pass(
    request: IncomingMessage,
    response: ServerResponse,
    host: string,
    to: Exclude<Behind, RequestListener>,
  ): Promise<void> {
    const { method = '', url = '', headers } = request;
    const there = new URL(url, to.url);
    // Else the certificate would be asked for the name in `Host`, which is that of the documents.
    const tls = to.ca === undefined ? {} : { ca: to.ca, servername: there.hostname };
    const expecting = method === 'PUT' ? { ...headers, expect: '100-continue' } : headers;
    const options = { method, headers: expecting, agent: false as const, ...tls };
    const call = (there.protocol === 'https:' ? secure : plain)(there, options);
    const answered = once(call, 'response');
    // One that answers before it has read all may close at once. Its answer still counts, and the client is heard out, as nginx does.
    call.on('error', () => request.unpipe(call).resume());
    // S3 says by it whether it wants the body: one that it does not read would reset the connection, and its answer be lost.
    if (method === 'PUT') call.once('continue', () => request.pipe(call));
    else request.pipe(call);
    const [answer] = (await answered) as [IncomingMessage];
    const status = answer.statusCode ?? 0;
    if (!request.readableFlowing) request.resume();
    front.seen.push({ host, method, path: url, status });
    if (front.lose(request, status)) {
      response.destroy();
      return;
    }
    response.writeHead(status, answer.headers);
    await pipeline(answer, response);
  }

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    const to = behind[host]?.(request);
    const instead = front.instead(request);
    if (instead !== undefined) {
      request.resume();
      response.writeHead(instead.status, { ...instead.headers }).end(instead.body);
    } else if (typeof to === 'function') to(request, response);
    else if (to === undefined) response.writeHead(421).end();
    else pass(request, response, host, to).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(front, {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  });
}
