import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { fitLine } from '../../../bench/load/line.ts';
import { KINDS, Mix, parseWeights } from '../../../bench/load/mix.ts';
import { runLoad } from '../../../bench/load/run.ts';
import { readSample } from '../../../bench/load/samples.ts';
import { show, Tally } from '../../../bench/load/tally.ts';

const ID = '01900000-0000-7000-8000-000000000000';
const SLOW_MS = 200;
const made = { status: 201, body: JSON.stringify({ id: ID }) };

describe('the mix of a load', () => {
  it('asks each kind as often as its weight says', () => {
    let drawn = 0;
    const mix = new Mix({ create: 3, list: 1 }, () => drawn);
    const kinds = [0, 0.74, 0.75, 0.99].map((draw) => {
      drawn = draw;
      return mix.next().kind;
    });
    assert.deepEqual(kinds, ['create', 'create', 'list', 'list']);
  });

  it('names only what was made, and replays the very same creation', () => {
    for (const kind of ['get', 'request', 'replay'] as const) {
      const mix = new Mix({ [kind]: 1 }, () => 0);
      const first = mix.next();
      assert.equal(first.kind, 'createOnce');
      first.learn({ status: 503, body: '{}' });
      assert.equal(mix.next().kind, 'createOnce', 'a failed creation is not remembered');
      first.learn(made);
      const then = mix.next();
      assert.equal(then.kind, kind);
      if (kind === 'replay') assert.deepEqual([then.headers, then.body], [first.headers, first.body]);
      else assert.ok(then.path.startsWith(`/v1/uploads/${ID}`), then.path);
    }
  });

  it('reads weights, and refuses what is none', () => {
    assert.deepEqual(parseWeights('create=3,get=0.5'), { create: 3, get: 0.5 });
    for (const bad of ['', 'create', 'create=0', 'create=-1', 'create=x', 'delete=1'])
      assert.throws(() => parseWeights(bad), /must be one of/, bad);
    assert.throws(() => new Mix({}), /needs a kind/);
    for (const kind of KINDS) assert.ok(new Mix({ [kind]: 1 }).next());
  });
});

describe('a load', () => {
  let server: Server;
  let url: string;
  const seen: string[] = [];
  let slow: NodeJS.Timeout | undefined;
  const open = new Set<unknown>();

  before(async () => {
    server = createServer((request, response) => {
      open.add(request.socket);
      seen.push(`${request.method ?? ''} ${request.headers.authorization ?? ''}`);
      request.resume().once('end', () => {
        const answer = () => response.end(made.body);
        if (request.url?.includes('cut')) request.socket.destroy();
        else if (request.url?.includes('slow-once') && !slow) slow = setTimeout(answer, SLOW_MS);
        else response.writeHead(request.url?.includes('fail') ? 503 : 201).end(made.body);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  /** Ends after so many asks, not after a time. */
  function asks(count: number, path: string) {
    const stop = new AbortController();
    let left = count;
    const next = () => {
      left -= 1;
      if (left <= 0) stop.abort();
      return { kind: 'get' as const, method: 'GET', path, learn: () => undefined };
    };
    return { mix: { next }, signal: stop.signal };
  }

  for (const rate of [undefined, 5_000]) {
    it(`${rate === undefined ? 'in a closed loop' : 'at a rate'}: asks by as many connections as told, and counts all answers`, async () => {
      open.clear();
      seen.length = 0;
      const pace = rate === undefined ? {} : { rate };
      const summary = await runLoad({
        ...{ urls: [url], token: 'secret', connections: 3, seconds: 60 },
        ...asks(200, '/'),
        ...pace,
      });
      assert.ok(summary.answered >= 200, String(summary.answered));
      assert.equal(summary.answered, seen.length);
      assert.deepEqual([...new Set(seen)], ['GET Bearer secret']);
      assert.ok(open.size <= 3, String(open.size));
      assert.deepEqual(summary.errors, {});
      assert.ok(
        summary.all.p50 > 0 && summary.all.p50 <= summary.all.p99 && summary.all.p99 <= summary.all.max,
      );
    });
  }

  it('counts refusals and broken connections by what they are, and asks nothing twice', async () => {
    seen.length = 0;
    const common = { urls: [url] as const, token: 't', connections: 1, seconds: 60 };
    const failed = await runLoad({ ...common, ...asks(2, '/fail') });
    assert.deepEqual(failed.errors, { 'get 503': 2 });
    const cut = await runLoad({ ...common, ...asks(3, '/cut') });
    assert.deepEqual(cut.errors, { 'get ECONNRESET': 3 });
    assert.equal(seen.length, 5);
    assert.match(show(cut), /errors: get ECONNRESET × 3/);
  });

  it('counts from when an ask was due: one that waited for a free connection was slow', async () => {
    const summary = await runLoad({
      ...{ urls: [url], token: 't', connections: 1, seconds: 60, rate: 5_000 },
      ...asks(100, '/slow-once'),
    });
    // All of these were due while the first one kept the only connection.
    assert.ok(summary.all.p50 >= SLOW_MS / 2, JSON.stringify(summary.all));
  });

  it('sums up', () => {
    const tally = new Tally();
    for (const ms of [1, 1, 1, 100]) tally.add('get', 200, ms);
    const { all, kinds, perSecond } = tally.sum(2, { ownLagMs: 0, unsent: 0 });
    assert.deepEqual([all.count, kinds['get']?.count, perSecond], [4, 4, 2]);
    assert.ok(all.p50 < 2 && all.p999 >= 99 && all.p999 <= 101, JSON.stringify(all));
  });
});

describe('what is made of the samples', () => {
  it('reads the figures of /metrics, and misses none silently', () => {
    const text = [
      'process_resident_memory_bytes 1000',
      'nodejs_heap_size_used_bytes 500',
      'process_open_fds 20',
      'nodejs_active_handles_total 7',
      'nodejs_eventloop_lag_p99_seconds 0.011',
      'process_cpu_seconds_total 1.5',
    ].join('\n');
    assert.deepEqual(readSample(text, 3), {
      ...{ at: 3, rssBytes: 1000, heapBytes: 500, fds: 20, handles: 7, lagP99Ms: 11, cpuSeconds: 1.5 },
    });
    assert.throws(() => readSample(text.replace('process_open_fds', 'other'), 0), /no process_open_fds/);
  });

  it('fits the line', () => {
    const exact = fitLine([
      [0, 1],
      [1, 3],
      [2, 5],
    ]);
    assert.deepEqual([exact.slope, exact.mean, exact.standardError], [2, 3, 0]);
    const level = fitLine([
      [0, 1],
      [1, 2],
      [2, 1],
    ]);
    assert.equal(level.slope, 0);
    assert.ok(level.standardError > 0);
    assert.throws(() => fitLine([[0, 1]]), /three points/);
  });
});
