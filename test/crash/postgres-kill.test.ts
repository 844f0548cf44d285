import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { startPostgres } from '../support/postgres.ts';
import { logToStderr } from '../support/s3-server.ts';
import { World } from './history/world.ts';
import { patientStore, postgresRows } from './postgres-rows.ts';

/** Rounds, in each of which one replica is killed, or all. */
const KILLS = Number(process.env['SEALSLOT_POSTGRES_KILLS'] ?? 15);
const REPLICAS = 2;
const postgres = await available(startPostgres);
after(() => postgres.stop());

describe(
  `SIGKILL of replicas on PostgreSQL under load, ${KILLS} times`,
  { skip: postgres.skip },
  async () => {
    const database = await postgres.get().createDatabase();
    const world = await World.make({
      replicas: REPLICAS,
      store: patientStore(database, postgres.get()),
      rows: () => postgresRows(database),
    });
    after(() => world[Symbol.asyncDispose]());

    it('after each kill the store agrees with all that was acknowledged', async () => {
      assert.ok(KILLS >= 1, 'SEALSLOT_POSTGRES_KILLS must be at least 1');
      for (let round = 1; round <= KILLS; round += 1) {
        await world.killRound();
        if (round % 50 === 0) logToStderr(`after ${round} rounds: ${world.figures()}`);
      }
      const { calls, kills } = world.recorder.all();
      assert.ok(kills.length >= KILLS);
      assert.ok(calls.filter(({ answer }) => answer === undefined).length >= KILLS, 'kills cut calls off');
    });

    it('in the end too: every slot, key, replay, grant and message of all rounds', async (t) => {
      t.diagnostic(await world.end());
    });
  },
);
