import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

const LOG = new URL('../../../src/http/log.ts', import.meta.url).href;
const program = (body: string) =>
  `import { createLogger } from ${JSON.stringify(LOG)}; const log = createLogger('info'); ${body}`;
const args = (body: string) => ['--input-type=module', '--eval', program(body)];

async function linesOf(body: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, args(body), { maxBuffer: 64 * 1024 * 1024 });
  return stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);
}

describe('the log at standard output', () => {
  it('has all lines in their order, however many a turn has', async () => {
    const lines = await linesOf(`for (let n = 0; n < 50_000; n += 1) log.info(String(n));`);
    assert.equal(lines.length, 50_000);
    assert.ok(lines.every((line, n) => line === String(n)));
  });

  it('has the last lines of a process that ends in the same turn', async () => {
    assert.deepEqual(await linesOf(`log.info('begun'); log.error('ended'); process.exit(0);`), [
      'begun',
      'ended',
    ]);
  });

  it('has the last lines of a process that an error ends', async () => {
    const child = spawn(process.execPath, args(`log.error('why'); throw new Error('on purpose');`));
    const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
    assert.match(said, /"msg":"why"/);
    assert.notEqual(child.exitCode, 0);
  });

  it('is written before the next turn: what a signal ends has told all but the turn it was in', async () => {
    const body = `log.info('first'); setImmediate(() => setImmediate(() => process.kill(process.pid, 'SIGKILL')));`;
    const child = spawn(process.execPath, args(body));
    const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
    assert.equal(child.signalCode, 'SIGKILL');
    assert.match(said, /"msg":"first"/);
  });

  it('that nobody reads any more does not end the process', async () => {
    const body = `setInterval(() => log.info('x'), 1); setTimeout(() => process.exit(7), 300);`;
    const child = spawn(process.execPath, args(body));
    child.stdout.destroy();
    await once(child, 'close');
    assert.equal(child.exitCode, 7);
  });
});
