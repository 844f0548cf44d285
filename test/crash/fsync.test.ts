import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { startService } from '../support/service.ts';
import { readTrace, straceInto, type TracedCall } from './trace.ts';

const SLOTS = 20;
const WEAKEN = new URL('weaken-sync.ts', import.meta.url).href;

/**
 * Invariant 1. A kill cannot show a missing sync, for the kernel keeps what the process wrote; only the order of the system calls can.
 * Without strace this fails: it must not be skipped.
 */
describe('what strace sees between a request and its answer', () => {
  let calls: TracedCall[];
  before(async () => {
    calls = await traceCalls([]);
  });

  for (const [what, method, path, status] of [
    ['a new slot', 'POST', /^\/v1\/uploads$/, 201],
    ['a new request', 'POST', /\/request$/, 200],
    ['a removal', 'DELETE', /./, 202],
  ] as const) {
    it(`${what}: written to the WAL and synced before each answer`, (t) => {
      const these = select(calls, method, path);
      t.diagnostic(describeCalls(these));
      assert.equal(these.length, SLOTS);
      for (const call of these) {
        assert.equal(call.status, status);
        assert.ok(call.walWrites >= 1, 'something was committed');
        assert.ok(call.walSyncs >= 1, 'it was synced');
        assert.ok(call.durable, 'nothing was written after the last sync');
      }
    });
  }

  it('a GET: nothing, so that what is counted above belongs to the commits', (t) => {
    const gets = select(calls, 'GET', /./);
    t.diagnostic(describeCalls(gets));
    assert.equal(gets.length, SLOTS);
    assert.deepEqual(
      gets.filter((call) => call.walWrites > 0 || call.walSyncs > 0),
      [],
    );
  });

  it('the control: with synchronous=NORMAL the same calls are answered and not synced', async (t) => {
    const weak = await traceCalls(['--import', WEAKEN]);
    const commits = weak.filter((call) => call.method !== 'GET');
    t.diagnostic(describeCalls(commits));
    assert.equal(commits.length, 3 * SLOTS);
    assert.ok(
      commits.every((call) => call.status < 300 && call.walWrites >= 1),
      'all are committed all the same',
    );
    const synced = commits.filter((call) => call.walSyncs >= 1 && call.durable).length;
    assert.ok(
      synced <= 2,
      `only a checkpoint may sync, yet ${synced} of ${commits.length} answers are durable`,
    );
  });
});

/** A serial client: makes slots, asks for each again, reads each, removes each. */
async function traceCalls(nodeArgs: readonly string[]): Promise<TracedCall[]> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-trace-'));
  try {
    const service = await startService({ dir, wrapper: straceInto(dir), nodeArgs });
    try {
      // The key's first use of the minute is noted beside its request; from here on only what is asked for is written.
      await service.call('GET', '/v1/uploads?limit=1');
      const body = { filename: 'a.txt', contentType: 'text/plain', size: 3 };
      const ids: string[] = [];
      for (let n = 0; n < SLOTS; n += 1)
        ids.push((await service.call('POST', '/v1/uploads', { body })).body.id as string);
      for (const id of ids) await service.call('POST', `/v1/uploads/${id}/request`);
      for (const id of ids) await service.call('GET', `/v1/uploads/${id}`);
      for (const id of ids) await service.call('DELETE', `/v1/uploads/${id}`);
      await service.stop();
    } finally {
      await service.kill();
    }
    return await readTrace(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Without the warm-up call, which alone has a query. */
function select(calls: readonly TracedCall[], method: string, path: RegExp): TracedCall[] {
  return calls.filter((call) => call.method === method && path.test(call.path) && !call.path.includes('?'));
}

function describeCalls(calls: readonly TracedCall[]): string {
  const sum = (of: (call: TracedCall) => number) => calls.reduce((total, call) => total + of(call), 0);
  const durable = calls.filter((call) => call.durable).length;
  return `${calls.length} answers, ${sum((c) => c.walWrites)} WAL writes, ${sum((c) => c.walSyncs)} syncs, ${durable} answers with nothing unsynced`;
}
