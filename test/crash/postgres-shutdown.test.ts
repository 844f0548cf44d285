import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startPostgres } from '../support/postgres.ts';
import { logToStderr } from '../support/s3-server.ts';
import { World } from './history/world.ts';
import { patientStore, postgresRows } from './postgres-rows.ts';

const SHUTDOWNS = Number(process.env['SEALSLOT_POSTGRES_SHUTDOWNS'] ?? 5);
const REPLICAS = 2;
/**
 * What commits wait for, the service must ask for by itself. A commit that does not wait stays in the server's memory for these seconds
 * at most, and an immediate shutdown forgets it.
 */
const UNSAFE = ['synchronous_commit = off', 'wal_writer_delay = 10s'];
const postgres = await available(() => startPostgres({ settings: UNSAFE }));
after(() => postgres.stop());

describe(
  `immediate shutdown of PostgreSQL under load, ${SHUTDOWNS} times`,
  { skip: postgres.skip },
  async () => {
    const server = postgres.get();
    const database = await server.createDatabase();
    const world = await World.make({
      replicas: REPLICAS,
      store: patientStore(database, server),
      rows: () => postgresRows(database),
    });
    after(() => world[Symbol.asyncDispose]());

    it('meanwhile 503, afterwards as before without a restart, and the store agrees with all that was acknowledged', async () => {
      assert.ok(SHUTDOWNS >= 1, 'SEALSLOT_POSTGRES_SHUTDOWNS must be at least 1');
      for (let round = 1; round <= SHUTDOWNS; round += 1) {
        await world.outageRound({ stop: () => server.stopImmediately(), start: () => server.start() });
        if (round % 10 === 0) logToStderr(`after ${round} rounds: ${world.figures()}`);
      }
      assert.equal(world.recorder.outages.length, SHUTDOWNS);
    });

    it('in the end too: every slot, key, replay, grant and message of all rounds', async (t) => {
      t.diagnostic(await world.end());
    });
  },
);
