/**
 * Where the built service spends its time under load, one flame graph for each of its threads: `npm run bench:flame`, with
 * `-- --only postgres+local+es256@64` for another cell. Writes `.svg` and `.cpuprofile` files (for the debugger of Chromium, VS Code or speedscope).
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { framesOf, hottest, type CpuProfile } from './flame/profile.ts';
import { flameSvg } from './flame/svg.ts';
import { cellId, FULL, MAIN } from './speed/cells.ts';
import { startLoad } from './speed/load.ts';
import { Bench } from './speed/measure.ts';
import { World } from './speed/world.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: cellId(MAIN) },
    seconds: { type: 'string', default: '15' },
    out: { type: 'string', default: 'bench/flames' },
  },
});
const MOST = 25;
const seconds = Number(values.seconds);
const cell = FULL.find((one) => cellId(one) === values.only);
if (cell?.subject.kind !== 'sealslot')
  throw new Error(`--only ${values.only}: must be one of\n${FULL.map(cellId).join('\n')}`);
const out = resolve(values.out);
mkdirSync(out, { recursive: true });
const root = resolve(import.meta.dirname, '..');

const known = new Set(readdirSync(out));
{
  // Profiling itself takes time: what it says are shares, no figures to compare.
  await using world = await World.open({ nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${out}`] });
  using load = startLoad();
  const pace = { rounds: 1, coldSeconds: 3, warmSeconds: 1, seconds };
  const bench = new Bench({ world, load, pace, say: (line) => console.log(line) });
  await bench.rounds([cell]);
  // It writes them as it ends by itself.
  await world.stopServices();
}
for (const file of readdirSync(out).filter((name) => name.endsWith('.cpuprofile') && !known.has(name))) {
  const frames = framesOf(JSON.parse(readFileSync(join(out, file), 'utf8')) as CpuProfile, root, seconds);
  const busy = `${basename(file, '.cpuprofile')}, ${values.only}: busy ${(frames.total / 1e6).toFixed(1)} s`;
  const svg = join(out, `${basename(file, '.cpuprofile')}.svg`);
  writeFileSync(svg, flameSvg(busy, frames));
  console.log(`\n${busy}`);
  for (const { name, self } of hottest(frames, MOST))
    console.log(`${((self / frames.total) * 100).toFixed(1).padStart(6)} %  ${name}`);
  console.log(`flame graph: ${svg}`);
}
