/**
 * How fast a slot is beside the endpoint that people write by hand and beside an empty POST, in one run: `npm run bench`. docs/performance.md says what is
 * compared and how to read it.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FULL, only, SHORT, type StoreKind } from './speed/cells.ts';
import { startLoad } from './speed/load.ts';
import { commit, machine } from './speed/machine.ts';
import { manySlots } from './speed/many-slots.ts';
import { Bench, type Pace } from './speed/measure.ts';
import type { Results } from './speed/results.ts';
import { BUDGET_MS, startTimes } from './speed/start-time.ts';
import { median } from './speed/stats.ts';
import { notesOf, tableOf } from './speed/table.ts';
import { World } from './speed/world.ts';

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string' },
    start: { type: 'boolean', default: false },
    slots: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});

const FULL_PACE: Pace = { rounds: 3, coldSeconds: 6, warmSeconds: 1, seconds: 4 };
const SHORT_PACE: Pace = { rounds: 3, coldSeconds: 3, warmSeconds: 0.4, seconds: 2 };

const say = (line: string): void => console.log(line);
const before = { machine: machine(), commit: commit(), at: new Date().toISOString() };
await using world = await World.open();
using load = startLoad();

if (values.slots !== undefined) {
  await manySlots(world, load, Number(values.slots), say);
} else if (values.start) {
  const times = await startTimes(world, ['sqlite', 'postgres']);
  for (const [store, taken] of Object.entries(times))
    say(
      `${store}: ready after ${median(taken).toFixed(0)} ms (${taken.map((ms) => ms.toFixed(0)).join(', ')}), budget ${BUDGET_MS} ms`,
    );
} else {
  const all = values.short ? SHORT : FULL;
  const cells = values.only === undefined ? all : only(all, values.only);
  const isWhole = cells === FULL;
  const bench = new Bench({ world, load, pace: values.short ? SHORT_PACE : FULL_PACE, say });
  const rounds = await bench.rounds(cells);
  const half = await bench.half(rounds, isWhole ? 3 : 1);
  const stores: StoreKind[] = isWhole ? ['sqlite', 'postgres'] : [];
  const startMs = await startTimes(world, stores);
  const form = values.short ? 'short' : 'full';
  const results: Results = { form, ...before, rounds, half, startMs };
  say(`\n${tableOf(rounds)}\n\n${notesOf(results).join('\n')}`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
}
