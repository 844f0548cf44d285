import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { startService, type Service } from '../support/service.ts';
import {
  readEvents,
  serialCalls,
  straceInto,
  traceSlot,
  type TracedCall,
  type TracedEvent,
  type TracedSlot,
} from './trace.ts';

const SLOTS = 20;
/** Of concurrent calls. */
const GROUPS = 3;
const WEAKEN = new URL('weaken-sync.ts', import.meta.url).href;

/**
 * Invariant 1. A kill cannot show a missing sync, for the kernel keeps what the process wrote; only the order of the system calls can.
 * Without strace this fails: it must not be skipped.
 */
describe('what strace sees between a request and its answer', () => {
  let events: TracedEvent[];
  let calls: TracedCall[];
  before(async () => {
    events = await trace([], serialClient);
    calls = serialCalls(events);
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
        assert.ok(call.durable, 'and nothing of it was written after that');
      }
    });
  }

  it('the order of each new slot: read, its page written, committed, synced, answered', () => {
    for (const marker of markersOf('serial')) inOrder(marker, traceSlot(events, marker));
  });

  it('the same of concurrent calls: no answer goes before the sync of its own commit', async (t) => {
    const together = await trace([], concurrentClients);
    const slots = Array.from({ length: GROUPS }, (_, group) => markersOf(`group-${group}`)).flat();
    const traced = slots.map((marker) => traceSlot(together, marker));
    for (const [n, slot] of traced.entries()) inOrder(slots[n] ?? '', slot);
    const connections = new Set(traced.map(({ connection }) => connection));
    t.diagnostic(`${slots.length} slots on ${connections.size} connections`);
    assert.ok(connections.size >= 2, 'control: they came by several connections at once');
  });

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
    const weakEvents = await trace(['--import', WEAKEN], serialClient);
    const weak = serialCalls(weakEvents);
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
    const inOrder = markersOf('serial')
      .map((marker) => traceSlot(weakEvents, marker))
      .filter(({ commit, sync, answer }) => commit !== -1 && sync !== -1 && sync < answer);
    assert.ok(inOrder.length <= 2, `yet ${inOrder.length} slots are synced before their answers`);
  });
});

type Client = (service: Service) => Promise<void>;

async function trace(nodeArgs: readonly string[], client: Client): Promise<TracedEvent[]> {
  const dir = await mkdtemp(join(tmpdir(), 'sealslot-trace-'));
  try {
    const service = await startService({ dir, wrapper: straceInto(dir), nodeArgs });
    try {
      // The key's first use of the minute is noted beside its request; from here on only what is asked for is written.
      await service.call('GET', '/v1/uploads?limit=1');
      await client(service);
      await service.stop();
    } finally {
      await service.kill();
    }
    return await readEvents(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Makes slots, asks for each again, reads each, removes each; call after call. */
async function serialClient(service: Service): Promise<void> {
  const ids: string[] = [];
  for (const marker of markersOf('serial')) ids.push(await create(service, marker));
  for (const id of ids) await service.call('POST', `/v1/uploads/${id}/request`);
  for (const id of ids) await service.call('GET', `/v1/uploads/${id}`);
  for (const id of ids) await service.call('DELETE', `/v1/uploads/${id}`);
}

async function concurrentClients(service: Service): Promise<void> {
  for (let group = 0; group < GROUPS; group += 1)
    await Promise.all(markersOf(`group-${group}`).map((marker) => create(service, marker)));
}

async function create(service: Service, filename: string): Promise<string> {
  const body = { filename, contentType: 'text/plain', size: 3 };
  return (await service.call('POST', '/v1/uploads', { body })).body.id as string;
}

/** Filenames, none of which begins another. */
function markersOf(name: string): string[] {
  return Array.from({ length: SLOTS }, (_, n) => `${name}-slot-${String(n).padStart(3, '0')}.txt`);
}

function inOrder(marker: string, { request, page, commit, sync, answer }: TracedSlot): void {
  const steps = JSON.stringify({ request, page, commit, sync, answer });
  assert.ok(request !== -1 && answer !== -1, `${marker} was asked for and answered: ${steps}`);
  assert.ok(page > request, `a page with ${marker} was written to the WAL: ${steps}`);
  assert.ok(commit >= page, `and committed: ${steps}`);
  assert.ok(sync > commit, `then synced: ${steps}`);
  assert.ok(answer > sync, `and only then answered: ${steps}`);
}

/** Without the warm-up call, which alone has a query. */
function select(calls: readonly TracedCall[], method: string, path: RegExp): TracedCall[] {
  return calls.filter((call) => call.method === method && path.test(call.path) && !call.path.includes('?'));
}

function describeCalls(calls: readonly TracedCall[]): string {
  const sum = (of: (call: TracedCall) => number) => calls.reduce((total, call) => total + of(call), 0);
  const durable = calls.filter((call) => call.durable).length;
  return `${calls.length} answers, ${sum((c) => c.walWrites)} WAL writes, ${sum((c) => c.walSyncs)} syncs, ${durable} durable`;
}
