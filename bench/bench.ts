/**
 * How fast a slot is beside the endpoint that people write by hand and beside an empty POST, in one run: `npm run bench`. docs/performance.md says what is
 * compared and how to read it.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeResults } from './speed/files.ts';
import { startLoad } from './speed/load.ts';
import { manySlots } from './speed/many-slots.ts';
import { runForm } from './speed/run.ts';
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
if (values.write && values.only !== undefined) throw new Error('--write: must stand without --only');

const say = (line: string): void => console.log(line);
await using world = await World.open();
using load = startLoad();

if (values.slots !== undefined) {
  await manySlots(world, load, Number(values.slots), say);
} else if (values.start) {
  for (const [store, taken] of Object.entries(await startTimes(world, ['sqlite', 'postgres']))) {
    const each = taken.map((ms) => ms.toFixed(0)).join(', ');
    say(`${store}: ready after ${median(taken).toFixed(0)} ms (${each}), budget ${BUDGET_MS} ms`);
  }
} else {
  const results = await runForm(values.short ? 'short' : 'full', { world, load, say }, values.only);
  say(`\n${tableOf(results.rounds)}\n\n${notesOf(results).join('\n')}`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
  if (values.write) {
    await writeResults(results);
    execFileSync(process.execPath, ['scripts/docs.ts'], { stdio: 'inherit' });
  }
}
