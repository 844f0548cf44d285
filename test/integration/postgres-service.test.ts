import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { postgresStore, startPostgres } from '../support/postgres.ts';
import { waitUntil } from '../support/processes.ts';
import { startService } from '../support/service.ts';

const postgres = await available(() => startPostgres());
after(() => postgres.stop());

const SLOT = { contentType: 'text/plain', size: 5 };

describe('sealslot serve on PostgreSQL', { skip: postgres.skip }, () => {
  it('keeps slots over a restart, and is ready again by itself when the server is', async () => {
    const server = postgres.get();
    const store = postgresStore(await server.createDatabase(), server);
    await using first = await startService({ store });
    const made = await first.call('POST', '/v1/uploads', { body: SLOT, headers: { 'idempotency-key': 'a' } });
    assert.equal(made.status, 201);
    await first.stop();
    await using second = await startService({ dir: first.dir, store });
    await using beside = await startService({ dir: first.dir, store });
    for (const service of [second, beside]) {
      const replay = await service.call('POST', '/v1/uploads', {
        body: SLOT,
        headers: { 'idempotency-key': 'a' },
      });
      assert.equal(replay.status, 201);
      assert.equal(replay.headers.get('idempotency-replayed'), 'true');
      assert.deepEqual(replay.body.request.headers, made.body.request.headers);
      const metrics = await (await fetch(`${service.adminUrl}/metrics`)).text();
      assert.match(metrics, /sealslot_store_connections\{state="most"\} [1-9]/);
      assert.match(metrics, /sealslot_store_connections\{state="waiting"\} \d/);
    }

    await server.stopImmediately();
    const unready = await fetch(`${second.adminUrl}/readyz`);
    assert.equal(unready.status, 503);
    assert.match(await unready.text(), /store/);
    const refused = await second.call('POST', '/v1/uploads', { body: SLOT });
    assert.equal(refused.status, 503);
    assert.equal(refused.body.code, 'dependency_unavailable');
    assert.ok(Number(refused.headers.get('retry-after')) > 0);

    await server.start();
    const isReady = async () => (await fetch(`${second.adminUrl}/readyz`)).status === 200;
    await waitUntil('the service to be ready again', isReady);
    assert.equal((await second.call('GET', `/v1/uploads/${made.body.id}`)).status, 200);
    assert.equal((await second.call('POST', '/v1/uploads', { body: SLOT })).status, 201);
    await second.stop();
    await beside.stop();
    assert.doesNotMatch(second.stdout() + second.stderr(), new RegExp(server.password));
  });

  it('does not serve from a server that loses what it has acknowledged, and says which setting', async () => {
    const server = postgres.get();
    const database = await server.createDatabase();
    await server.stopImmediately();
    await server.start(['-c', 'full_page_writes=off']);
    try {
      await assert.rejects(
        startService({ store: postgresStore(database, server) }),
        /full_page_writes is off: a crash/,
      );
    } finally {
      await server.stopImmediately();
      await server.start();
    }
  });
});
