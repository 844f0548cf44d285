/**
 * Ten minutes at a share of the peak: do memory and handles stay as they are, and the latency? `npm run bench:soak -- --minutes 10 --share 0.7`,
 * with `--store postgres` on a PostgreSQL of its own. The service is one process, this load another.
 */
import { parseArgs } from 'node:util';
import { startStore } from './load/stores.ts';
import { fitLine } from './load/line.ts';
import { Mix, parseWeights, USUAL } from './load/mix.ts';
import { runLoad, type LoadOptions } from './load/run.ts';
import { Sampler, type Sample } from './load/samples.ts';
import { show } from './load/tally.ts';

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'sqlite' },
    minutes: { type: 'string', default: '10' },
    share: { type: 'string', default: '0.7' },
    connections: { type: 'string', default: '64' },
    mix: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
/** Of the minutes: before that caches fill. */
const SETTLED_FROM = 0.2;
const STEP_SECONDS = 5;

await using world = await startStore(values.store);
const { service } = world;
const common: Omit<LoadOptions, 'connections' | 'seconds'> = {
  urls: [service.url],
  token: service.token,
  mix: new Mix(values.mix === undefined ? USUAL : parseWeights(values.mix)),
};

let peak = 0;
await runLoad({ ...common, connections: 8, seconds: STEP_SECONDS });
for (let connections = 1; connections <= Number(values.connections); connections *= 2) {
  const { all, errors, seconds } = await runLoad({ ...common, connections, seconds: STEP_SECONDS });
  // What was refused for overload is no throughput.
  const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
  const good = (all.count - failed) / seconds;
  console.log(
    `${connections} connections: ${good.toFixed(0)} good answers/s, p99 ${all.p99.toFixed(1)} ms, ${failed} others`,
  );
  peak = Math.max(peak, good);
}
const rate = peak * Number(values.share);
console.log(`\n${values.store}: peak ${peak.toFixed(0)}/s; now ${rate.toFixed(0)}/s for ${minutes} minutes`);

const sampler = new Sampler(service.adminUrl, 2_000);
const summary = await runLoad({
  ...common,
  connections: Number(values.connections),
  seconds: minutes * 60,
  rate,
});
const { samples, missed } = await sampler.stop();
console.log(`${show(summary)}\n`);

// The last one is taken when the load has gone.
const settled = samples.slice(0, -1).filter(({ at }) => at >= minutes * 60 * SETTLED_FROM);
const [first, last] = [samples[0], samples.at(-1)];
if (first === undefined || last === undefined || missed > 0) throw new Error(`${missed} samples are missing`);
for (const [name, unit, of] of [
  ['RSS', 'MB', ({ rssBytes }: Sample) => rssBytes / 1e6],
  ['heap used', 'MB', ({ heapBytes }: Sample) => heapBytes / 1e6],
  ['file descriptors', '', ({ fds }: Sample) => fds],
  ['handles', '', ({ handles }: Sample) => handles],
  ['event loop p99', 'ms', ({ lagP99Ms }: Sample) => lagP99Ms],
] as const) {
  const { mean, slope, standardError } = fitLine(settled.map((sample) => [sample.at / 60, of(sample)]));
  const figures = settled.map(of);
  console.log(
    `${name}: mean ${mean.toFixed(1)} ${unit}, from ${Math.min(...figures).toFixed(1)} to ${Math.max(...figures).toFixed(1)}, ` +
      `slope ${slope.toFixed(3)} ± ${standardError.toFixed(3)} ${unit}/min`,
  );
}
console.log(
  `CPU: ${((last.cpuSeconds - first.cpuSeconds) / (last.at - first.at)).toFixed(2)} cores of the replica`,
);
for (const { at, rssBytes, fds, handles } of samples.filter((_, index) => index % 15 === 0))
  console.log(
    `  ${at.toFixed(0).padStart(4)} s  ${(rssBytes / 1e6).toFixed(1)} MB  ${fds} fds  ${handles} handles`,
  );
if (Object.keys(summary.errors).length > 0) process.exitCode = 1;
