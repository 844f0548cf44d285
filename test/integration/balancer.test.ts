import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { after, before, beforeEach, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startNginx, type Nginx } from '../support/nginx.ts';
import { freePort, waitUntil } from '../support/processes.ts';

/** Two servers that note what came, behind nginx with the configuration of docker-compose.yml. Real replicas: scripts/dockerfile.ts. */
const ID = '01900000-0000-7000-8000-000000000000';

const ok: RequestListener = (_request, response) => void response.writeHead(200).end('{}');
/** As a replica that dies with a request in its hands. */
const cut: RequestListener = (incoming) =>
  void incoming.resume().once('end', () => incoming.socket.destroy());

class Stub {
  readonly seen: { readonly headers: IncomingHttpHeaders }[] = [];
  answer: RequestListener = ok;
  readonly #server = createServer((incoming, response) => {
    this.seen.push({ headers: incoming.headers });
    this.answer(incoming, response);
  });

  async listen(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const first = await new Stub().listen();
const second = await new Stub().listen();
const nginx = await available(() => startNginx([first.address, second.address]));

describe('the balancer of docker-compose.yml', { skip: nginx.skip }, () => {
  let balancer: Nginx;
  const both = () => [...first.seen, ...second.seen];

  before(() => (balancer = nginx.get()));
  beforeEach(() => {
    for (const stub of [first, second]) {
      stub.seen.length = 0;
      stub.answer = ok;
    }
  });
  after(async () => {
    await balancer.stop();
    for (const stub of [first, second]) stub.close();
  });

  const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
    fetch(balancer.url + path, { method, headers, ...(method === 'POST' && { body: '{}' }) });

  it('has a configuration that nginx takes without a warning', () => {
    assert.equal(balancer.log(), '');
  });

  it('spreads requests over both replicas, over connections that stay open', async () => {
    for (let count = 0; count < 20; count += 1) assert.equal((await ask('GET', '/v1/uploads')).status, 200);
    assert.ok(
      first.seen.length >= 5 && second.seen.length >= 5,
      `${first.seen.length}, ${second.seen.length}`,
    );
    for (const { headers } of both()) assert.notEqual(headers.connection, 'close');
  });

  it('says who asks, whatever the client says of itself', async () => {
    const pretended = { 'x-forwarded-for': '203.0.113.1', 'x-forwarded-proto': 'https' };
    await ask('GET', '/v1/uploads', pretended);
    const headers = both()[0]?.headers;
    assert.equal(headers?.['x-forwarded-for'], '127.0.0.1');
    assert.equal(headers['x-forwarded-proto'], 'http');
    assert.equal(headers.host, new URL(balancer.url).host);
  });

  const repeated: readonly (readonly [method: string, path: string, headers?: Record<string, string>])[] = [
    ['GET', '/v1/uploads'],
    ['GET', `/v1/uploads/${ID}`],
    ['DELETE', `/v1/uploads/${ID}`],
    ['GET', `/v1/uploads/${ID}/content`],
    ['POST', `/v1/uploads/${ID}/request`],
    ['POST', `/v1/uploads/${ID}/complete`],
    ['POST', `/v1/uploads/${ID}/parts`],
    ['POST', `/v1/uploads/${ID}/download`],
    ['POST', '/v1/uploads', { 'idempotency-key': 'k' }],
    ['POST', '/v1/uploads/batch', { 'idempotency-key': 'k' }],
  ];
  for (const [method, path, headers] of repeated) {
    it(`asks the other replica when one cuts the connection: ${method} ${path}${headers ? ' with a key' : ''}`, async () => {
      let cuts = 0;
      for (const stub of [first, second])
        stub.answer = (incoming, response) => {
          cuts += 1;
          (cuts === 1 ? cut : ok)(incoming, response);
        };
      assert.equal((await ask(method, path, headers)).status, 200);
      assert.deepEqual([first.seen.length, second.seen.length], [1, 1]);
      if (headers)
        for (const seen of both()) assert.equal(seen.headers['idempotency-key'], headers['idempotency-key']);
    });
  }

  for (const path of ['/v1/uploads', '/v1/uploads/batch', '/v1/grants', `/v1/uploads/${ID}/rekey`]) {
    it(`does not repeat what might be carried out twice: POST ${path} without a key`, async () => {
      for (const stub of [first, second]) stub.answer = cut;
      assert.equal((await ask('POST', path)).status, 502);
      assert.equal(both().length, 1);
    });
  }

  it('passes on the 503 of a replica, and what it says of when to ask again', async () => {
    for (const stub of [first, second])
      stub.answer = (_request, response) => void response.writeHead(503, { 'retry-after': '7' }).end();
    const answer = await ask('GET', '/v1/uploads');
    assert.deepEqual([answer.status, answer.headers.get('retry-after'), both().length], [503, '7', 1]);
  });

  it('leaves it to the service to refuse a body that is too long', async () => {
    const body = 'x'.repeat(1_500_000);
    for (const stub of [first, second])
      stub.answer = (incoming, response) => {
        void buffer(incoming).then(({ length }) => response.writeHead(413).end(String(length)));
      };
    const answer = await fetch(`${balancer.url}/v1/uploads/batch`, { method: 'POST', body });
    assert.deepEqual([answer.status, await answer.text()], [413, String(body.length)]);
  });

  it('writes nothing of an answer to a disk, however slowly the client reads', async () => {
    const size = 64 * 2 ** 20;
    let written = 0;
    for (const stub of [first, second])
      stub.answer = (_request, response) => {
        response.writeHead(200, { 'content-length': size });
        const piece = Buffer.alloc(2 ** 20);
        const more = (): void => {
          while (written < size) {
            written += piece.length;
            if (!response.write(piece)) return void response.once('drain', more);
          }
          response.end();
        };
        more();
      };
    const slow = request(`${balancer.url}/v1/uploads/${ID}/content`);
    slow.end();
    await once(slow, 'response');
    // Nobody reads. When the replica gets rid of no more, what there is room for is full.
    let [before, still] = [-1, 0];
    await waitUntil('the replica to be held up', () => {
      still = written === before ? still + 1 : 0;
      before = written;
      return written >= size || still === 10;
    });
    assert.ok(written < size, 'what is not read must wait in the replica');
    assert.doesNotMatch(balancer.log(), /temporary file/);
    slow.destroy();
  });

  it('logs no link, not even one that led to an error', async () => {
    for (const stub of [first, second]) stub.answer = cut;
    assert.equal((await ask('GET', '/v1/content/very-secret-link')).status, 502);
    await ask('POST', '/v1/grants');
    assert.match(balancer.log(), /POST \/v1\/grants/, 'other errors are logged');
    assert.doesNotMatch(balancer.log(), /very-secret-link/);
  });
});

describe('the balancer while a replica is away', { skip: nginx.skip }, () => {
  it('serves by the other one, requests without a key too, and takes it back at once', async () => {
    const alive = await new Stub().listen();
    const port = await freePort();
    await using balancer = await startNginx([alive.address, `127.0.0.1:${port}`]);
    const post = () => fetch(`${balancer.url}/v1/uploads`, { method: 'POST', body: '{}' });
    alive.seen.length = 0;
    for (let count = 0; count < 10; count += 1) assert.equal((await post()).status, 200);
    assert.equal(alive.seen.length, 10);
    const back = await new Stub().listen(port);
    alive.close();
    for (let count = 0; count < 10; count += 1) assert.equal((await post()).status, 200);
    assert.equal(back.seen.length, 10);
    back.close();
  });
});
