/**
 * Load on services that run already, from this process: `npm run bench:load -- --url http://127.0.0.1:8080 --token-file key`. See docs/scaling.md.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Mix, parseWeights, USUAL } from './load/mix.ts';
import { runLoad } from './load/run.ts';
import { Sampler } from './load/samples.ts';
import { show } from './load/tally.ts';

const { values } = parseArgs({
  options: {
    url: { type: 'string', multiple: true, default: ['http://127.0.0.1:8080'] },
    admin: { type: 'string' },
    'token-file': { type: 'string' },
    connections: { type: 'string', default: '32' },
    rate: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    mix: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const tokenFile = values['token-file'];
if (tokenFile === undefined) throw new Error('--token-file: where the API key is');
const [first = '', ...others] = values.url;
const sampler = values.admin === undefined ? undefined : new Sampler(values.admin, 1_000);
const summary = await runLoad({
  urls: [first, ...others],
  token: readFileSync(tokenFile, 'utf8').trim(),
  mix: new Mix(values.mix === undefined ? USUAL : parseWeights(values.mix)),
  connections: Number(values.connections),
  seconds: Number(values.seconds),
  ...(values.rate === undefined ? {} : { rate: Number(values.rate) }),
});
const samples = (await sampler?.stop())?.samples;
if (values.json) {
  console.log(JSON.stringify({ ...summary, samples }));
} else {
  console.log(show(summary));
  const [from, to] = [samples?.[0], samples?.at(-1)];
  if (from !== undefined && to !== undefined) {
    const cores = (to.cpuSeconds - from.cpuSeconds) / (to.at - from.at);
    console.log(
      `replica: ${cores.toFixed(2)} cores, ${((1_000 * (to.cpuSeconds - from.cpuSeconds)) / summary.answered).toFixed(2)} ms of CPU an answer; RSS ${(from.rssBytes / 1e6).toFixed(0)} → ${(to.rssBytes / 1e6).toFixed(0)} MB; ` +
        `fds ${from.fds} → ${to.fds}; handles ${from.handles} → ${to.handles}; event loop p99 ${to.lagP99Ms.toFixed(1)} ms`,
    );
  }
}
if (Object.keys(summary.errors).length > 0) process.exitCode = 1;
