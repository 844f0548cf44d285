/**
 * Is a slot still as much faster than the naive endpoint as it was? `npm run bench:check` runs the short form and fails when a ratio has lost more than a fifth;
 * `-- --report` only says so. The ratios are those of bench/ratios.json, which `npm run bench -- --write` writes.
 */
import { parseArgs } from 'node:util';
import { compare, showCompared, TOLERATED } from './speed/compare.ts';
import { readRatios } from './speed/files.ts';
import { startLoad } from './speed/load.ts';
import { rowsOf } from './speed/results.ts';
import { runForm } from './speed/run.ts';
import { notesOf, tableOf } from './speed/table.ts';
import { World } from './speed/world.ts';

const { values } = parseArgs({ options: { report: { type: 'boolean', default: false } } });
const fail = (why: string): void => {
  console.log(why);
  if (!values.report) process.exitCode = 1;
};
/** A machine that is too busy for the load is no fault of the code. */
const TOO_BUSY = '"code":"overloaded"';

await using world = await World.open();
using load = startLoad();
try {
  const results = await runForm('short', { world, load, say: (line) => console.log(line) });
  console.log(`\n${tableOf(results.rounds)}\n\n${notesOf(results).join('\n')}\n`);
  const ratios = readRatios();
  if (ratios === undefined) {
    fail('no ratios are committed yet; npm run bench -- --write writes them');
  } else {
    const compared = compare(ratios, rowsOf(results.rounds));
    console.log(
      `${showCompared(compared)}\ncommitted: ${ratios.form} run of ${ratios.at}, ${ratios.commit}, ${ratios.cpu}`,
    );
    const lost = compared.filter(({ isLost }) => isLost);
    if (lost.length > 0)
      fail(`lost more than ${TOLERATED * 100} %: ${lost.map(({ cell }) => cell).join(', ')}`);
  }
} catch (error) {
  if (!(error instanceof Error && error.message.includes(TOO_BUSY))) throw error;
  fail(`not measured, the machine is too busy: ${error.message}`);
}
