/** What each step of a slot costs in this process, by itself: `npm run bench:micro`, `-- --only sign`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { access } from './micro/access.ts';
import { openSqliteStore } from './micro/parts.ts';
import { answering, custody } from './micro/rest.ts';
import { OURS, SDK, signing } from './micro/sign.ts';
import { storing } from './micro/store.ts';

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, milliseconds: { type: 'string', default: '1000' } },
});
const time = Number(values.milliseconds);

const dir = await mkdtemp(join(tmpdir(), 'sealslot-micro-'));
const store = await openSqliteStore({ path: join(dir, 'sealslot.db'), exclusive: true });
try {
  const all = [
    ...custody(),
    ...(await signing()),
    ...answering(),
    ...(await access(store)),
    ...storing(store),
  ];
  const steps = all.filter(({ name }) => name.includes(values.only));
  const bench = new Bench({ time, warmupTime: time / 4, throws: true });
  for (const step of steps) bench.add(step.name, () => step.run());
  const medians = new Map<string, number>();
  console.log(
    `${'µs'.padEnd(42)}${['median', 'mean', 'p99', 'samples'].map((head) => head.padStart(11)).join('')}`,
  );
  for (const [index, { result }] of (await bench.run()).entries()) {
    const { name = '', times = 1 } = steps[index] ?? {};
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
    const { p50, mean, p99, samplesCount } = result.latency;
    const cells = [p50, mean, p99].map((ms) => ((ms * 1_000) / times).toFixed(1).padStart(11));
    console.log(`${name.padEnd(42)}${cells.join('')}${String(samplesCount).padStart(11)}`);
    medians.set(name, p50);
  }
  const [sdk, ours] = [medians.get(SDK), medians.get(OURS)];
  if (sdk !== undefined && ours !== undefined)
    console.log(`\ngetSignedUrl ÷ ours: ${(sdk / ours).toFixed(1)}`);
} finally {
  await store.close();
  await rm(dir, { recursive: true, force: true });
}
