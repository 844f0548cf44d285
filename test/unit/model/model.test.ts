import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { commands } from './commands.ts';
import { endOfAll } from './ending.ts';
import { Disk, World } from './world.ts';

/** So many fit into half a minute; `npm run test:model` takes more. */
const USUAL_RUNS = 300;
const { MODEL_RUNS, MODEL_SEED, MODEL_PATH, MODEL_REPLAY } = process.env;

const setups = fc.record({
  rejected: fc.constantFrom('keep' as const, 'remove' as const),
  copies: fc.boolean(),
  versioned: fc.boolean(),
});

describe('a slot’s whole life, whatever comes', () => {
  const disk = new Disk();
  after(() => disk.remove());

  it('invariants 3 and 4 hold, and nothing acknowledged is lost', { timeout: 3_600_000 }, async (t) => {
    const numRuns = Number(MODEL_RUNS ?? USUAL_RUNS);
    const sequences = fc.commands(commands, {
      maxCommands: 60,
      size: '+1',
      ...(MODEL_REPLAY !== undefined && { replayPath: MODEL_REPLAY }),
    });
    let steps = 0;
    const property = fc.asyncProperty(setups, sequences, async (setup, sequence) => {
      const world = new World(await disk.fresh(), setup);
      try {
        await fc.asyncModelRun(() => ({ model: {}, real: world }), sequence);
        await endOfAll(world);
        steps += world.steps;
      } finally {
        await world.life.jobs.stop();
      }
    });
    await fc.assert(property, {
      numRuns,
      ...(MODEL_SEED !== undefined && { seed: Number(MODEL_SEED) }),
      ...(MODEL_PATH !== undefined && { path: MODEL_PATH }),
    });
    t.diagnostic(`${numRuns} runs, ${steps} commands`);
  });
});
