import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { SignedRequest } from '../../../../src/client/model.ts';
import { DEFAULT_RETRY } from '../../../../src/client/retry.ts';
import { PartnerService } from '../../../../src/client/node/partner-service.ts';
import { Transport } from '../../../../src/client/node/transport.ts';
import { makeCa } from '../../../support/ca.ts';

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly retryAfter?: number;
}

/** An answer that depends on what is asked. @param body parsed. */
export type Reply = (body: unknown) => Answer;

export type S3Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A service and an S3 that answer by script: the next answer for each call, the last one for ever. */
export interface Stub extends AsyncDisposable {
  readonly client: PartnerService;
  readonly dir: string;
  /** By `POST /complete` and the like, the id left out. */
  readonly script: Record<string, (Answer | Reply | 'cut')[]>;
  readonly s3: S3Handler[];
  /** All calls of the service, as in `script`; those of S3 by their method. */
  readonly calls: string[];
  readonly keys: string[];
  readonly pauses: number[];
  /** Cuts what is under way to S3. */
  dropS3(): void;
  signed<M extends 'PUT' | 'GET'>(
    method: M,
    lifeMs?: number,
  ): Omit<SignedRequest, 'method'> & { readonly method: M };
}

export async function startStub(): Promise<Stub> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-stub-'));
  const ca = await makeCa(join(dir, 'tls'));
  const stub = {
    script: {} as Stub['script'],
    s3: [] as S3Handler[],
    calls: [] as string[],
    keys: [] as string[],
  };
  const next = <T>(list: T[] | undefined): T | undefined =>
    list && list.length > 1 ? list.shift() : list?.[0];

  const service = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = await text(request);
    const call = `${request.method ?? ''} ${request.url?.replace(/^\/v1\/uploads(\/id)?/, '') ?? ''}`.trim();
    stub.calls.push(call);
    const key = request.headers['idempotency-key'];
    if (typeof key === 'string') stub.keys.push(key);
    const found = next(stub.script[call]) ?? { status: 404, body: 'no script' };
    const scripted =
      typeof found === 'function' ? found(asked === '' ? undefined : JSON.parse(asked)) : found;
    if (scripted === 'cut') return void request.socket.destroy();
    const { status, body, retryAfter } = scripted;
    if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
    response.writeHead(status);
    response.end(JSON.stringify(body));
  };
  const [key, cert] = [await readFile(ca.keyFile), await readFile(ca.certFile)];
  const sockets = new Set<Socket>();
  const onS3: S3Handler = (request, response) => {
    stub.calls.push(request.method ?? '');
    next(stub.s3)?.(request, response);
  };
  const s3 = createTlsServer({ key, cert }, onS3);
  // By itself Node would answer every Expect with 100 at once.
  s3.on('checkContinue', onS3).on('connection', (socket: Socket) => sockets.add(socket));
  for (const server of [service, s3]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const port = (server: typeof service | typeof s3) => (server.address() as AddressInfo).port;

  const pauses: number[] = [];
  const transport = new Transport(ca.caPem);
  const client = new PartnerService({
    endpoint: new URL(`http://127.0.0.1:${port(service)}/`),
    authorize: () => 'Bearer token',
    transport,
    retry: {
      ...DEFAULT_RETRY,
      random: () => 0.5,
      pause: async (milliseconds) => void pauses.push(milliseconds),
    },
  });
  return {
    ...stub,
    client,
    dir,
    pauses,
    dropS3: () => sockets.forEach((socket) => void socket.destroy()),
    signed: (method, lifeMs = 60_000) => ({
      method,
      url: `https://localhost:${port(s3)}/uploads/object`,
      headers: { 'x-amz-server-side-encryption-customer-key': 'a key' },
      expiresAt: new Date(Date.now() + lifeMs).toISOString(),
    }),
    async [Symbol.asyncDispose]() {
      transport.close();
      service.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await Promise.all([service, s3].map((server) => new Promise((resolve) => void server.close(resolve))));
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Reads the body and answers. */
export function take(status: number, body = '', headers: Record<string, string> = {}): S3Handler {
  return (request, response) => {
    if (request.headers.expect !== undefined) response.writeContinue();
    request.resume().on('end', () => response.writeHead(status, headers).end(body));
  };
}

/** Answers and reads nothing. */
export function refuse(status: number, code: string): S3Handler {
  return (_request, response) => void response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
}

export const cut: S3Handler = (request) => void request.socket.destroy();

export function problem(status: number, code: string, retryAfter?: number): Answer {
  const document = { status, body: { code, detail: `the detail of ${code}`, status } };
  return retryAfter === undefined ? document : { ...document, retryAfter };
}
