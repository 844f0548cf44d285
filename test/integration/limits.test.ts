import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import type { TenantLimits } from '../../src/config/config.ts';
import { openPostgresStore } from '../../src/store/adapters/postgres.ts';
import type { Store } from '../../src/store/port.ts';
import { available } from '../support/available.ts';
import { FakeObjectStore, fakeTarget } from '../support/fake-s3.ts';
import { makeHarness, TENANT, type Harness } from '../support/harness.ts';
import { startPostgres, type PostgresDatabase } from '../support/postgres.ts';
import { PATIENT_TIMEOUTS, storeOptions } from '../support/postgres-store.ts';
import { waitUntil } from '../support/processes.ts';

const SLOT = { contentType: 'text/plain', size: 5 };
const REPLICAS = 3;

const postgres = await available(() => startPostgres());
after(() => postgres.stop());

describe('limits of replicas with one PostgreSQL', { skip: postgres.skip }, () => {
  let replicas: { h: Harness; shared: Store; token: string }[];
  let database: PostgresDatabase;
  beforeEach(async () => {
    database = await postgres.get().createDatabase();
    replicas = [];
  });
  afterEach(async () => {
    for (const { h, shared } of replicas) {
      await h[Symbol.asyncDispose]();
      await shared.close();
    }
  });

  /** Each has a pool of its own. What slots and requests are counted in is shared. */
  async function serve(limits: TenantLimits): Promise<void> {
    const options = storeOptions(postgres.get(), database, { timeouts: PATIENT_TIMEOUTS });
    const now = Date.now();
    for (let n = 0; n < REPLICAS; n += 1) {
      const shared = await openPostgresStore(options);
      const h = await makeHarness({
        target: fakeTarget(new FakeObjectStore()),
        tenants: { acme: { ...TENANT, limits } },
        store: (own) => ({ ...own, uploads: shared.uploads, rateLimits: shared.rateLimits }),
      });
      h.clock.now = now;
      replicas.push({ h, shared, token: await h.token() });
    }
  }

  type Ask = (replica: { h: Harness; token: string }) => Promise<{ status: number }>;
  const list: Ask = ({ h, token }) => h.call('GET', '/v1/uploads', { token });
  const create: Ask = ({ h, token }) => h.call('POST', '/v1/uploads', { token, body: SLOT });
  /** So many requests at once, one here, one there; the statuses by how many there were. */
  async function ask(many: number, call: Ask): Promise<Record<number, number>> {
    const calls = Array.from({ length: many }, (_, n) => replicas[n % REPLICAS]).filter(
      (one) => one !== undefined,
    );
    const answers = await Promise.all(calls.map(call));
    const counts: Record<number, number> = {};
    for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  }
  const wait = (milliseconds: number) => {
    for (const { h } of replicas) h.clock.now += milliseconds;
  };

  it('let through exactly as many requests as there may be, minute by minute', async () => {
    await serve({ principal: { requestsPerMinute: 40 } });
    assert.deepEqual(await ask(150, list), { 200: 40, 429: 110 });
    wait(59_999);
    assert.deepEqual(await ask(15, list), { 429: 15 });
    wait(1);
    assert.deepEqual(await ask(150, list), { 200: 40, 429: 110 });
  });

  it('are the tenant’s over all replicas and principals, which take nothing from each other', async () => {
    await serve({ principal: { requestsPerMinute: 30 }, tenant: { requestsPerMinute: 50 } });
    assert.deepEqual(await ask(90, list), { 200: 30, 429: 60 });
    for (const replica of replicas) replica.token = await replica.h.token('acme', undefined, 'another');
    assert.deepEqual(await ask(90, list), { 200: 20, 429: 70 });
  });

  it('open exactly as many slots as there may be', async () => {
    await serve({ tenant: { openSlots: 20 } });
    assert.deepEqual(await ask(60, create), { 201: 20, 429: 40 });
  });

  it('take exactly as many bytes a day as there may be', async () => {
    await serve({ principal: { bytesPerDay: 52 } });
    assert.deepEqual(await ask(45, create), { 201: 10, 429: 35 });
  });

  it('let nobody through uncounted while PostgreSQL is down, and count again once it is back', async () => {
    await serve({ principal: { requestsPerMinute: 1000 } });
    assert.deepEqual(await ask(3, list), { 200: 3 });
    await postgres.get().stopImmediately();
    try {
      assert.deepEqual(await ask(6, list), { 503: 6 });
    } finally {
      await postgres.get().start();
    }
    await waitUntil('an answer of each', async () => (await ask(REPLICAS, list))[200] === REPLICAS);
  });
});
