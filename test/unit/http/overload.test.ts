import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { totalmem } from 'node:os';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import type { Config } from '../../../src/config/config.ts';
import type { ObjectContent } from '../../../src/s3/port.ts';
import { FakeObjectStore, fakeTarget } from '../../support/fake-s3.ts';
import { makeHarness, type Harness } from '../../support/harness.ts';
import { waitUntil } from '../../support/processes.ts';
import { ask, bearer, uploaded } from './asking.ts';

const ORIGIN = 'https://app.example.com';

describe('a process that has too much to do', () => {
  let h: Harness;
  let s3: FakeObjectStore;
  let token: string;
  /** Before S3 answers a read. */
  let reading: () => Promise<void>;
  const loaded = async (overload: Partial<Config['overload']>) => {
    s3 = new FakeObjectStore();
    reading = () => Promise.resolve();
    const target = fakeTarget(s3);
    const open: ObjectContent['open'] = async (...args) => {
      await reading();
      return target.content.open(...args);
    };
    h = await makeHarness({
      target: { ...target, content: { ...target.content, open } },
      overload,
      corsOrigins: [ORIGIN],
    });
    token = await h.token();
  };
  afterEach(() => h[Symbol.asyncDispose]());

  const list = () => h.call('GET', '/v1/uploads', { token, headers: { origin: ORIGIN } });
  const shed = async (reason: string) => {
    const text = await h.metrics.registry.metrics();
    return Number(new RegExp(`^sealslot_shed_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  const isRefused = async () => (await list()).status === 503;

  it('turns requests away while its event loop is late, and takes them again afterwards', async () => {
    await loaded({ eventLoopDelayMilliseconds: 40 });
    for (const reason of ['event_loop', 'heap', 'memory', 'streams'])
      assert.ok((await shed(reason)) >= 0, reason);
    await waitUntil('an answer', async () => (await list()).status === 200);
    const rest = new AbortController();
    const work = (async () => {
      while (!rest.signal.aborted) {
        const end = performance.now() + 200;
        while (performance.now() < end);
        await turn();
      }
    })();
    await waitUntil('a refusal', isRefused);
    const refused = await list();
    rest.abort();
    await work;
    const { code, title } = refused.body;
    assert.deepEqual([refused.status, code, title], [503, 'overloaded', 'Service Unavailable'], refused.text);
    assert.equal(refused.headers['content-type'], 'application/problem+json');
    assert.equal(refused.headers['retry-after'], '5');
    assert.equal(refused.headers['access-control-allow-origin'], ORIGIN, 'a page may read it');
    assert.ok(refused.headers['x-request-id']);
    assert.ok((await shed('event_loop')) >= 2);
    assert.match(h.logged(), /"code":"overloaded"/);
    await waitUntil('an answer', async () => (await list()).status === 200);
  });

  describe('with memory', () => {
    /** What the process seems to hold. */
    let held: { heapUsed: number; rss: number };
    const heapLimit = getHeapStatistics().heap_size_limit;
    beforeEach(async () => {
      const real = process.memoryUsage();
      held = { heapUsed: 0, rss: 0 };
      mock.method(process, 'memoryUsage', () => ({ ...real, ...held }));
      await loaded({ heapPercent: 90, memoryPercent: 90 });
    });
    afterEach(() => mock.restoreAll());

    it('goes on with what it has begun, and turns away what comes, whoever asks', async () => {
      const { id } = await uploaded(h, s3, token, Buffer.from('the whole of it'));
      const read = Promise.withResolvers<undefined>();
      const begun = Promise.withResolvers<undefined>();
      reading = () => {
        begun.resolve(undefined);
        return read.promise;
      };
      const answer = ask(h, 'GET', `/v1/uploads/${id}/content`, bearer(token));
      await begun.promise;
      held.heapUsed = 0.91 * heapLimit;
      await waitUntil('a refusal', isRefused);
      assert.equal((await h.call('GET', '/v1/uploads')).body.code, 'overloaded');
      assert.equal((await h.admin.inject('/livez')).statusCode, 200);
      assert.equal((await h.admin.inject('/readyz')).statusCode, 200);
      read.resolve(undefined);
      const { status, text } = await answer;
      assert.deepEqual([status, text], [200, 'the whole of it']);
      assert.ok((await shed('heap')) >= 2);
      held.heapUsed = 0.89 * heapLimit;
      await waitUntil('an answer', async () => (await list()).status === 200);
    });

    it('goes by the memory of the container or of the machine', async () => {
      const constrained = process.constrainedMemory();
      held.rss = 0.91 * (constrained > 0 ? Math.min(constrained, totalmem()) : totalmem());
      await waitUntil('a refusal', isRefused);
      assert.ok((await shed('memory')) >= 1);
      held.rss = 0;
      await waitUntil('an answer', async () => (await list()).status === 200);
    });

    it('answers preflights all the same', async () => {
      held.heapUsed = heapLimit;
      await waitUntil('a refusal', isRefused);
      const { statusCode } = await h.app.inject({
        method: 'OPTIONS',
        url: '/v1/uploads',
        headers: { origin: ORIGIN, 'access-control-request-method': 'POST' },
      });
      assert.equal(statusCode, 204);
    });
  });

  describe('with contents', () => {
    const reads = (id: string) => ask(h, 'GET', `/v1/uploads/${id}/content`, bearer(token));

    it('sends so many at a time, of one slot a tenth of them, and takes more when they have ended', async () => {
      await loaded({ streams: 20 });
      const slots: string[] = [];
      for (let n = 0; n < 11; n += 1) {
        const { id } = await uploaded(h, s3, token, Buffer.from('x'));
        slots.push(id as string);
      }
      const hold = Promise.withResolvers<undefined>();
      let held = 0;
      reading = () => {
        held += 1;
        return hold.promise;
      };
      const [first = '', ...others] = slots;
      const two = [reads(first), reads(first)];
      await waitUntil('two', async () => held === 2);
      const third = await reads(first);
      assert.deepEqual([third.status, JSON.parse(third.text).code], [503, 'overloaded']);
      assert.equal(third.headers['retry-after'], '5');
      const rest = others.slice(0, 9).flatMap((id) => [reads(id), reads(id)]);
      await waitUntil('all', async () => held === 20);
      assert.equal((await reads(others[9] ?? '')).status, 503);
      hold.resolve(undefined);
      for (const answer of await Promise.all([...two, ...rest]))
        assert.equal(answer.status, 200, answer.text);
      assert.equal(await shed('streams'), 2);
      for (const id of slots) assert.equal((await reads(id)).status, 200);
    });

    it('counts none whose caller has gone before it begins', async () => {
      await loaded({ streams: 1 });
      const { id } = await uploaded(h, s3, token, Buffer.from('x'));
      const found = Promise.withResolvers<undefined>();
      const opened = Promise.withResolvers<undefined>();
      reading = async () => opened.resolve(undefined);
      let looking = 0;
      const get = h.store.uploads.get.bind(h.store.uploads);
      const held = mock.method(h.store.uploads, 'get', async (tenant: string, of: string) => {
        looking += 1;
        await found.promise;
        return get(tenant, of);
      });
      const url = await h.app.listen({ port: 0, host: '127.0.0.1' });
      const closed = once(h.app.server, 'connection').then(([socket]) => once(socket as Socket, 'close'));
      const gone = new AbortController();
      const left = fetch(`${url}/v1/uploads/${id}/content`, { headers: bearer(token), signal: gone.signal });
      await waitUntil('the look', async () => looking === 1);
      gone.abort();
      await assert.rejects(left);
      await closed;
      found.resolve(undefined);
      await opened.promise;
      held.mock.restore();
      assert.equal((await reads(id as string)).status, 200);
    });

    it('counts none that failed, nor any that has ended', async () => {
      await loaded({ streams: 1 });
      const { id, objectKey } = await uploaded(h, s3, token, Buffer.from('x'));
      for (let n = 0; n < 5; n += 1) assert.equal((await reads(id as string)).status, 200);
      reading = () => Promise.reject(new Error('S3'));
      for (let n = 0; n < 3; n += 1) assert.equal((await reads(id as string)).status, 500);
      reading = () => Promise.resolve();
      assert.equal((await reads(id as string)).status, 200, objectKey as string);
    });
  });
});
