import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { waitUntil } from '../support/processes.ts';
import { startService, type Service } from '../support/service.ts';
import { newKey, startImport, toCsv, type Row } from './support-import.ts';

describe('import and its input', { concurrency: true }, () => {
  let service: Service;
  const row = (n: number): Row => ({ bucket: 'archive', objectKey: `a/${n}`, customerKey: newKey() });
  before(async () => {
    // Nobody listens at its S3.
    service = await startService();
  });
  after(() => service[Symbol.asyncDispose]());

  it('what cannot be read as rows ends it, unquoted', async () => {
    const key = newKey();
    const header = await startImport(service.dir).end(`archive,a,${key}\n`);
    assert.equal(header.status, 65);
    assert.match(header.stderr, /^error: The first line must be the header bucket,objectKey,customerKey/);
    assert.ok(!header.stderr.includes(key));
    assert.equal((await startImport(service.dir, 'nowhere.csv').end()).status, 66);
    assert.equal((await startImport(service.dir, '--tenant', 'nobody').end()).status, 64);
  });

  it('warns of a file of keys that others may read; its name says that it is NDJSON', async () => {
    const file = join(service.dir, 'keys.ndjson');
    await writeFile(file, '{}\n', { mode: 0o600 });
    const quiet = await startImport(service.dir, file).end();
    assert.equal(quiet.status, 1);
    assert.match(quiet.stderr, /^line 1: bad_row: it must be a JSON object of three texts[^\n]*\n$/);
    await chmod(file, 0o640);
    const warned = await startImport(service.dir, file).end();
    assert.match(warned.stderr, /^warning: others on this machine may read this file/);
  });

  it('SIGINT and SIGTERM end it with 130 and the counts, though more rows may come', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const run = startImport(service.dir, '--format', 'ndjson');
      run.stdin.write('{}\n');
      await waitUntil('the first row', () => run.output.stderr.includes('bad_row'));
      run.kill(signal);
      await waitUntil('its end', () => run.output.stdout.includes('failed'));
      const { status, stdout, stderr } = await run.end();
      assert.equal(status, 130);
      assert.equal(stdout, '0 adopted, 0 already there, 1 failed\n');
      assert.match(stderr, /Interrupted; run it again to go on\.\n$/);
    }
  });

  it('gives up with 75 when S3 answers nothing, though more rows may come', async () => {
    const run = startImport(service.dir);
    run.stdin.write(toCsv(Array.from({ length: 40 }, (_, n) => row(n))));
    await waitUntil('its end', () => run.output.stdout.includes('failed'));
    const { status, stderr } = await run.end();
    assert.equal(status, 75);
    assert.match(stderr, /unavailable "archive\/a\/0": .*ECONNREFUSED/);
    assert.match(stderr, /run it again later/);
  });
});
