import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { logToStderr } from '../support/s3-server.ts';
import { World } from './history/world.ts';
import { sqliteRows } from './sqlite-rows.ts';

const KILLS = Number(process.env['SEALSLOT_KILLS'] ?? 60);

describe(`SIGKILL of the service on SQLite under load, ${KILLS} times`, async () => {
  const world = await World.make({ replicas: 1, rows: sqliteRows });
  after(() => world[Symbol.asyncDispose]());

  it('after each kill the store agrees with all that was acknowledged', async () => {
    assert.ok(KILLS >= 1, 'SEALSLOT_KILLS must be at least 1');
    for (let round = 1; round <= KILLS; round += 1) {
      await world.killRound();
      if (round % 50 === 0) logToStderr(`after ${round} rounds: ${world.figures()}`);
    }
    const { calls, kills } = world.recorder.all();
    assert.equal(kills.length, KILLS);
    assert.ok(calls.filter(({ answer }) => answer === undefined).length >= KILLS, 'each kill cut calls off');
  });

  it('in the end too: every slot, key, replay, grant and message of all rounds', async (t) => {
    t.diagnostic(await world.end());
  });
});
