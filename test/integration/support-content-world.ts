import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { S3Server } from '../support/s3-server.ts';
import { trust } from './support-clients.ts';
import { serviceOn, type Service, type Slot } from './support-service.ts';
import { put } from './support-steps.ts';

type Method = 'GET' | 'HEAD';
type Way = 'content' | 'link';

const SMALL_ANSWER = 100_000;

export interface Ask {
  readonly range?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/** Of an answer, what its status gives a meaning. */
export interface Said {
  readonly status: number;
  readonly etag?: string | undefined;
  readonly range?: string | undefined;
  readonly length?: string | undefined;
  readonly modified?: string | undefined;
  readonly type?: string | undefined;
  readonly body?: string;
}

/** The service at a port of its own, in front of a real S3 that it reaches through a relay. */
export class ContentWorld {
  readonly text = '0123456789abcdefghij';
  readonly relay: CountingRelay;
  readonly #service: Service;
  readonly #url: string;
  readonly #token: string;
  #slot: Slot | undefined;
  #links = new Map<string, string>();

  static async on(server: S3Server, versioning: boolean): Promise<ContentWorld> {
    trust(server.caPem);
    const relay = await countingRelay(server.endpoint);
    const service = await serviceOn(server, { versioning, endpoint: relay.endpoint });
    const url = await service.harness.app.listen({ host: '127.0.0.1', port: 0 });
    const token = await service.harness.token('acme', ['objects:read'], 'reader');
    const world = new ContentWorld(service, relay, url, token);
    world.#slot = await world.upload(Buffer.from(world.text));
    return world;
  }

  private constructor(service: Service, relay: CountingRelay, url: string, token: string) {
    this.#service = service;
    this.relay = relay;
    this.#url = url;
    this.#token = token;
  }

  get slot(): Slot & { readonly etag?: string; readonly versionId?: string } {
    assert.ok(this.#slot);
    return this.#slot;
  }

  get etag(): string {
    assert.ok(this.slot.etag);
    return this.slot.etag;
  }

  /** An `uploaded` slot. */
  async upload(bytes: Buffer): Promise<Slot> {
    const slot = await this.#service.create({ contentType: 'text/plain', size: bytes.length });
    assert.equal(await put(slot, bytes), 200);
    const { status, body } = await this.#service.post(`/${slot.id}/complete`);
    assert.equal(status, 200);
    return body as Slot;
  }

  /** The service's answer. */
  async through(way: Way, method: Method, ask: Ask): Promise<Said> {
    const answer = await this.#ask(way, method, this.slot, ask);
    return said(answer, (await buffer(answer)).toString());
  }

  /** S3's own answer to a presigned request with these headers. */
  async direct(method: Method, ask: Ask): Promise<Said> {
    const { id, bucket, objectKey, versionId } = this.slot;
    const keyHeaders = { ...(await this.#service.harness.customerKey('acme', id)).headers() };
    const window = await this.#service.direct.presigner.open(600, Date.now());
    const query = versionId === undefined ? {} : { versionId };
    const url = window.sign({ method, bucket, objectKey, headers: keyHeaders, query });
    const answer = await send(url, method, { ...keyHeaders, ...headersOf(ask) });
    return said(answer, (await buffer(answer)).toString());
  }

  /** A client that has the head of the answer, and reads nothing of the rest. */
  async begin(way: Way, slot: Slot): Promise<{ status: number; leave(): void }> {
    const answer = await this.#ask(way, 'GET', slot, {});
    return { status: answer.statusCode ?? 0, leave: () => void answer.destroy() };
  }

  async #ask(way: Way, method: Method, slot: Slot, ask: Ask): Promise<IncomingMessage> {
    if (way === 'link') return send(this.#url + (await this.#link(slot)), method, headersOf(ask));
    const headers = { ...headersOf(ask), authorization: `Bearer ${this.#token}` };
    return send(`${this.#url}/v1/uploads/${slot.id}/content`, method, headers);
  }

  async #link({ id }: Slot): Promise<string> {
    const link = this.#links.get(id) ?? (await this.#service.post(`/${id}/links`)).body.url;
    this.#links.set(id, link);
    return link;
  }

  async close(): Promise<void> {
    this.#service.harness.app.server.closeAllConnections();
    await this.#service[Symbol.asyncDispose]();
    await this.relay[Symbol.asyncDispose]();
  }
}

const headersOf = ({ range, ifNoneMatch }: Ask): Record<string, string> => ({
  ...(range !== undefined && { range }),
  ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
});

async function send(url: string, method: Method, headers: Record<string, string>): Promise<IncomingMessage> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  const call = request(url, { method, headers, agent: false });
  call.end();
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined);
  return answer;
}

function said({ statusCode: status = 0, headers }: IncomingMessage, body: string): Said {
  const { etag, 'content-range': range, 'content-length': length, 'content-type': type } = headers;
  if (status === 304) return { status, etag };
  // The service says the size where S3 does not.
  if (status === 416) return { status };
  // The service says 503 of an S3 that fails.
  if (status >= 500) return { status: 500 };
  if (status >= 300) return { status };
  return { status, etag, range, length, type, modified: headers['last-modified'], body };
}

/** Passes TCP on as fast as it is read at the other end, and counts. */
export interface CountingRelay extends AsyncDisposable {
  readonly endpoint: URL;
  /** How many bytes have come from S3. */
  passed(): number;
  /** How many connections to S3 there are that have brought more than a small answer. */
  streaming(): number;
}

async function countingRelay(endpoint: string): Promise<CountingRelay> {
  const to = new URL(endpoint);
  const sockets = new Set<Socket>();
  let passed = 0;
  const from = new Map<Socket, number>();
  const server = createServer((inbound) => {
    const outbound = connect(Number(to.port), to.hostname);
    outbound.on('close', () => from.delete(outbound));
    outbound.on('data', (chunk) => {
      passed += chunk.length;
      from.set(outbound, (from.get(outbound) ?? 0) + chunk.length);
    });
    inbound.pipe(outbound).pipe(inbound);
    for (const [socket, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => other.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
  });
  await once(server.listen(0, 'localhost'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    endpoint: new URL(`https://localhost:${port}`),
    passed: () => passed,
    streaming: () => [...from.values()].filter((bytes) => bytes > SMALL_ANSWER).length,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
