import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { makeCa } from '../support/ca.ts';
import { startProcess, waitUntil, type Running } from '../support/processes.ts';
import { scratchFolder } from '../support/s3-server.ts';
import { environment, setUp, startService } from '../support/service.ts';
import { startStubS3, type StubS3 } from '../support/stub-s3.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const ask = { contentType: 'text/plain', size: 5 };

const scratch = await scratchFolder('start');
const ca = await makeCa(scratch.path);
after(() => scratch.remove());

const asS3Server = (stub: StubS3) => ({ ...stub, name: 'minio' as const, source: 'stub' });

async function serveBefore(stub: StubS3, log: (line: string) => void): Promise<Running> {
  const { path: dir, remove } = await scratchFolder('serve');
  after(remove);
  await setUp(dir, { s3: asS3Server(stub) });
  const env = environment(dir) as Record<string, string>;
  return startProcess(process.execPath, [MAIN, 'serve'], { cwd: dir, env, log });
}

describe('serve and an S3 that it should not trust', { concurrency: true, timeout: 60_000 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal} while it starts: nothing is left in the bucket, nothing listens, exit code 0`, async () => {
      const started: { pid?: number } = {};
      let sent = 0;
      const lines: string[] = [];
      await using stub = await startStubS3({
        ca,
        async before() {
          if (sent > 0 || started.pid === undefined || stub.objects('uploads').length === 0) return;
          sent = stub.objects('uploads').length;
          process.kill(started.pid, signal);
        },
      });
      await stub.createBucket('uploads', { versioning: true });
      await using running = await serveBefore(stub, (line) => lines.push(line));
      started.pid = running.pid;
      assert.equal(await running.ended, 0, lines.join('\n'));
      assert.equal(sent, 1);
      assert.ok(!lines.some((line) => line.includes('"ready"')));
      assert.deepEqual(stub.objects('uploads'), []);
    });
  }

  it('an S3 that never ends the clean-up: serve is ready after 5 s, and ends', async () => {
    const lines: string[] = [];
    await using stub = await startStubS3({
      ca,
      before: ({ method }) =>
        method === 'DELETE' && stub.objects('uploads').length > 0 ? new Promise(() => undefined) : undefined,
    });
    await stub.createBucket('uploads', { versioning: true });
    await using running = await serveBefore(stub, (line) => lines.push(line));
    const said = (text: string) => lines.some((line) => line.includes(text));
    await waitUntil('ready', () => said('"ready"'), { running });
    assert.ok(said('S3 did not answer all questions within 5 s'));
    process.kill(running.pid, 'SIGTERM');
    assert.equal(await running.ended, 0);
    assert.ok(said('"ended"'));
    assert.ok(said('ends before S3 has removed the canaries'));
  });

  it('SIGHUP with an unsafe S3: the old configuration stays, and the log says why', async () => {
    await using right = await startStubS3({ ca });
    await using wrong = await startStubS3({ ca, fault: 'checks no signature' });
    for (const stub of [right, wrong]) await stub.createBucket('uploads', { versioning: true });
    const { path: dir, remove } = await scratchFolder('serve');
    after(remove);
    await setUp(dir, { s3: asS3Server(right) });
    const file = join(dir, 'sealslot.yaml');
    const yaml = await readFile(file, 'utf8');
    const main = / {4}main:\n(?: {6}.*\n)+/.exec(yaml)?.[0] ?? '';
    const other = main.replace('main:', 'other:').replace(right.endpoint, wrong.endpoint);
    const both = yaml.replace(main, main + other);
    assert.ok(both.includes(wrong.endpoint));
    await writeFile(file, both);
    await using service = await startService({ dir });
    await writeFile(file, both.replace('acme: { target: main', 'acme: { target: other'));
    service.signal('SIGHUP');
    await waitUntil('the refusal', () => service.stdout().includes('it is unsafe; the old one stays'));
    assert.match(
      service.stdout(),
      /"check":"signature","subject":"bucket uploads on other","outcome":"unsafe"/,
    );
    const { body } = await service.call('POST', '/v1/uploads', { body: ask });
    assert.equal(new URL(body.request.url).origin, right.endpoint);
    await service.stop();
  });
});
