import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { drive } from '../../../bench/speed/drive.ts';
import { framesOf, hottest, type CpuProfile } from '../../../bench/flame/profile.ts';
import { flameSvg } from '../../../bench/flame/svg.ts';
import type { Job } from '../../../bench/speed/job.ts';

describe('the load of the benchmark', () => {
  let server: Server;
  let job: Job;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const nothing = { window: () => undefined };

  before(async () => {
    server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    job = {
      ...{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, path: '/p', body: '{"a":"ä"}' },
      ...{ tokens: ['one', 'two'], status: 201, connections: 3, warmSeconds: 0, seconds: 0.1 },
    };
  });

  after(() => {
    server.closeAllConnections();
    server.close();
  });

  function create(response: ServerResponse, content = '{}'): void {
    response.writeHead(201, { 'content-length': Buffer.byteLength(content) }).end(content);
  }

  it('sends the body with a token for each connection, and reads answers that come in pieces', async () => {
    const seen = new Map<string, string>();
    const sockets = new Set<unknown>();
    answer = (request, response) => {
      sockets.add(request.socket);
      const asked = `${request.headers.authorization} ${request.method} ${request.url}`;
      request.setEncoding('utf8').on('data', (body: string) => seen.set(asked, body));
      response.writeHead(201, { 'content-length': 200_000 });
      response.write('x');
      response.end('x'.repeat(199_999));
    };
    let windows = 0;
    const { answers, perSecond, p50Ms, p999Ms } = await drive(
      { ...job, answers: 20 },
      { window: () => (windows += 1) },
    );
    assert.equal(answers, 20);
    assert.ok(perSecond > 0 && p50Ms > 0 && p50Ms <= p999Ms);
    assert.equal(windows, 2);
    assert.equal(sockets.size, 3, 'connections are kept');
    assert.deepEqual([...seen.keys()].sort(), ['Bearer one POST /p', 'Bearer two POST /p']);
    assert.deepEqual([...new Set(seen.values())], ['{"a":"ä"}']);
  });

  it('fails at the first answer that is another, has no length, or is none', async () => {
    answer = (_request, response) => void response.writeHead(503, { 'content-length': 4 }).end('busy');
    await assert.rejects(drive({ ...job, seconds: 60 }, nothing), /^Error: not 201: HTTP\/1\.1 503 .*busy$/);
    answer = (_request, response) => void response.writeHead(201).end();
    await assert.rejects(drive({ ...job, seconds: 60 }, nothing), /not 201|without Content-Length/);
    answer = (request) => void request.socket.destroy();
    await assert.rejects(drive({ ...job, seconds: 60 }, nothing), /closed|hang up|ECONNRESET/);
  });

  it('counts from when each was due: one that stalls makes those late that wait behind it', async () => {
    let first: ServerResponse | undefined;
    let waiting = 0;
    answer = ({ url }, response) => {
      // What the test before has still sent is none of it.
      if (url !== '/stalls') return;
      if (first === undefined) {
        first = response;
        // Until others are due, and the only connection is taken.
        setTimeout(() => create(response), STALL_MS);
      } else {
        waiting += 1;
        create(response);
      }
    };
    const { p50Ms, answers } = await drive(
      { ...job, path: '/stalls', connections: 1, rate: 1_000, answers: 50 },
      nothing,
    );
    assert.ok(waiting >= 49, `${waiting}`);
    assert.ok(
      p50Ms > STALL_MS / 2,
      `${p50Ms} ms, of ${answers} that had to wait ${STALL_MS} ms for the first`,
    );
  });
});

const STALL_MS = 200;
/** Leaves the first sample of the profile out. */
const LATER_SECONDS = 0.0006;

describe('a flame graph', () => {
  const node = (id: number, functionName: string, url: string, children: number[]) => ({
    ...{ id, callFrame: { functionName, url, lineNumber: 9 }, children },
  });
  const profile: CpuProfile = {
    nodes: [
      node(1, '(root)', '', [2, 3, 5]),
      node(2, '(idle)', '', []),
      node(3, 'handle', 'file:///app/dist/a.js', [4]),
      node(4, '', '/app/node_modules/pino/p.js', []),
      node(5, '(garbage collector)', '', []),
    ],
    samples: [3, 2, 3, 4, 4, 5],
    timeDeltas: [1_000_000, 500, 100, 200, 100, 50],
    ...{ startTime: 0, endTime: 1_000_950 },
  };

  it('has the busy time of each function, with and without what it calls', () => {
    const root = framesOf(profile, '/app', LATER_SECONDS);
    assert.deepEqual([root.total, root.self], [450, 0]);
    const [handle, gc] = root.children;
    assert.deepEqual([handle?.name, handle?.total, handle?.self], ['handle dist/a.js:10', 400, 100]);
    assert.deepEqual(
      [handle?.children[0]?.name, gc?.name],
      ['(anonymous) pino/p.js:10', '(garbage collector)'],
    );
    assert.equal(framesOf(profile, '/app').total, 1_000_450, 'all of it, unless told otherwise');
  });

  it('lists where the time went itself', () => {
    assert.deepEqual(hottest(framesOf(profile, '/app', LATER_SECONDS), 2), [
      { name: '(anonymous) pino/p.js:10', self: 300 },
      { name: 'handle dist/a.js:10', self: 100 },
    ]);
  });

  it('is a picture with each under its caller', () => {
    const svg = flameSvg('a & b', framesOf(profile, '/app', LATER_SECONDS));
    assert.match(svg, /a &amp; b/);
    assert.match(svg, /<title>handle dist\/a\.js:10: 88\.9 %, itself 22\.2 %<\/title>/);
    assert.equal(svg.match(/<g>/g)?.length, 4);
  });
});
