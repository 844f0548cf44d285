import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import { available, type Available } from '../support/available.ts';
import { addFiles, findCanaries } from '../support/canary/search.ts';
import type { Json } from '../support/harness.ts';
import { startMinio } from '../support/minio.ts';
import { waitUntil } from '../support/processes.ts';
import { pythonVenv } from '../support/python.ts';
import type { S3Server } from '../support/s3-server.ts';
import { startSeaweedfs } from '../support/seaweedfs.ts';
import { environment, startService, type Service } from '../support/service.ts';
import { sendByFetch, trust } from './support-clients.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const SUPPORT = new URL('../support/', import.meta.url).pathname;
const BUCKET = 'archive';
const SHORT_LIVES = 'retention: { deleteMarginSeconds: 1 }\njobs: { intervalSeconds: 1 }\n';

interface Row {
  readonly bucket: string;
  readonly objectKey: string;
  readonly customerKey: string;
}

/** `sealslot import` under way; its standard input stays open until `end`. */
function startImport(dir: string, ...args: string[]) {
  const child = spawn(process.execPath, [MAIN, 'import', '--tenant', 'acme', ...args], {
    cwd: dir,
    env: environment(dir),
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output.stderr += chunk));
  // A killed reader is a part of the test.
  child.stdin.on('error', () => undefined);
  const closed = once(child, 'close');
  return {
    output,
    stdin: child.stdin,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    lines: () => output.stdout.split('\n').length - 1,
    async end(input = ''): Promise<{ status: number | null; stdout: string; stderr: string }> {
      child.stdin.end(input);
      await closed;
      return { status: child.exitCode, ...output };
    },
  };
}

async function putByBoto3(s3: S3Server, count: number): Promise<Row[]> {
  const python = join(await pythonVenv('boto3', join(SUPPORT, 'requirements-boto3.txt')), 'python');
  const child = spawn(python, [join(SUPPORT, 'boto3_objects.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { endpoint, region, accessKeyId, secretAccessKey, caFile } = s3;
  child.stdin.end(
    JSON.stringify({ endpoint, region, accessKeyId, secretAccessKey, caFile, bucket: BUCKET, count }),
  );
  const [csv] = await Promise.all([text(child.stdout), once(child, 'close')]);
  assert.equal(child.exitCode, 0);
  return parse(csv, { columns: true });
}

const newKey = () => randomBytes(32).toString('base64');

function toCsv(rows: readonly Row[]): string {
  const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
  const lines = rows.map((row) => [row.bucket, row.objectKey, row.customerKey].map(quoted).join());
  return `bucket,objectKey,customerKey\n${lines.join('\n')}\n`;
}

const toNdjson = (rows: readonly Row[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

async function allSlots(service: Service): Promise<Json[]> {
  const slots: Json[] = [];
  for (let cursor = ''; ;) {
    const { body } = await service.call('GET', `/v1/uploads?limit=100${cursor}`);
    slots.push(...body.uploads);
    if (body.nextCursor === undefined) return slots;
    cursor = `&cursor=${String(body.nextCursor)}`;
  }
}

const SERVERS = [
  { name: 'MinIO', start: startMinio, count: 1_000 },
  { name: 'SeaweedFS', start: startSeaweedfs, count: 40 },
];

for (const { name, start, count } of SERVERS) {
  const backend: Available<S3Server> = await available(start);
  after(() => backend.stop());

  describe(`import of objects put by boto3: ${name}`, { skip: backend.skip }, () => {
    const wrong = [7, count / 2, count - 1];
    const written: string[] = [];
    let service: Service;
    let rows: Row[];
    let given: Row[];
    before(async () => {
      const s3 = backend.get();
      trust(s3.caPem);
      await s3.createBucket('uploads');
      await s3.createBucket(BUCKET, { versioning: true });
      rows = await putByBoto3(s3, count);
      const absent = { bucket: BUCKET, objectKey: 'nowhere', customerKey: newKey() };
      given = [
        ...rows.map((row, n) => (wrong.includes(n) ? { ...row, customerKey: newKey() } : row)),
        absent,
      ];
      service = await startService({ s3, yaml: SHORT_LIVES });
    });
    after(() => service[Symbol.asyncDispose]());

    it('killed in the middle and run again, twice at once: each once, and the others by their lines', async () => {
      const killed = startImport(service.dir, '--json', '--format', 'ndjson');
      killed.stdin.write(toNdjson(given));
      await waitUntil('a third of it', () => killed.lines() > count / 3);
      killed.kill('SIGKILL');
      const first = await killed.end();
      assert.equal(first.status, null);
      const begun = await allSlots(service);
      assert.ok(begun.length >= count / 3 - wrong.length && begun.length < count, String(begun.length));

      const twice = [startImport(service.dir), startImport(service.dir)];
      const ends = await Promise.all(twice.map((run) => run.end(toCsv(given))));
      let adopted = begun.length;
      for (const { status, stdout, stderr } of ends) {
        assert.equal(status, 1, stderr);
        const [, mine = '', already = ''] =
          /^(\d+) adopted, (\d+) already there, 5 failed\n$/.exec(stdout) ?? assert.fail(stdout);
        assert.equal(Number(mine) + Number(already), count - wrong.length);
        adopted += Number(mine);
        const told = stderr.trimEnd().split('\n');
        // One object key has a line feed, so lines after it are one further on.
        const lineOf = (n: number) => n + 2 + (n >= 4 ? 1 : 0);
        assert.deepEqual(
          told.map((line) => /^line (\d+: \w+)/.exec(line)?.[1]).toSorted(),
          [
            ...wrong.map((n) => `${lineOf(n)}: wrong_key`),
            `${lineOf(count)}: not_sse_c`,
            `${lineOf(count + 1)}: absent`,
          ].toSorted(),
        );
      }
      assert.equal(adopted, count - wrong.length, 'nothing twice');
      written.push(first.stdout, first.stderr, ...ends.flatMap(({ stdout, stderr }) => [stdout, stderr]));
    });

    it('the service lists what was adopted, and downloads are the bytes put', async () => {
      const slots = await allSlots(service);
      const good = rows.slice(0, count).filter((_, n) => !wrong.includes(n));
      assert.deepEqual(
        slots.map((slot) => String(slot.objectKey)).toSorted(),
        good.map(({ objectKey }) => objectKey).toSorted(),
      );
      const odd = slots.filter(({ objectKey }) => !/\.bin$/.test(String(objectKey)));
      assert.equal(odd.length, 5);
      for (const slot of [...odd, ...slots.slice(0, 10)]) {
        assert.equal(slot.state, 'uploaded');
        assert.deepEqual(slot.metadata, { case: 'A  42' });
        const { body: download } = await service.call('POST', `/v1/uploads/${String(slot.id)}/download`);
        const { status, body } = await sendByFetch(download);
        assert.equal(status, 200, body.toString());
        assert.equal(body.toString(), `the body of ${String(slot.objectKey)}`);
      }
    });

    it('a DELETE removes the object and its key', async () => {
      const [slot] = await allSlots(service);
      const path = `/v1/uploads/${String(slot.id)}`;
      const { body: download } = await service.call('POST', `${path}/download`);
      assert.equal((await service.call('DELETE', path)).status, 202);
      const deleted = async () => (await service.call('GET', '/v1/uploads?state=deleted')).body.uploads;
      await waitUntil('the removal', async () => (await deleted()).length === 1);
      assert.equal((await sendByFetch(download)).status, 404);

      const again = startImport(service.dir, '--json', '--format', 'ndjson');
      const { status, stdout } = await again.end(
        toNdjson(rows.filter(({ objectKey }) => objectKey === slot.objectKey)),
      );
      assert.equal(status, 1);
      assert.match(stdout, /"code":"conflict","detail":"its upload [0-9a-f-]+ is deleted"/);
    });

    it('no key is written anywhere', async () => {
      await service.stop();
      const places = new Map([
        ['import', Buffer.from(written.join('\n'))],
        ['serve', Buffer.from(service.stdout() + service.stderr())],
      ]);
      await addFiles(places, service.dir, []);
      assert.ok(places.has('file sealslot.db'));
      const canaries = [...given.slice(0, 10), ...given.slice(-10), given[count / 2]!].map((row) => ({
        name: row.objectKey,
        bytes: Buffer.from(row.customerKey, 'base64'),
      }));
      assert.deepEqual(findCanaries(places, canaries), []);
    });
  });
}

describe('import and its input', { concurrency: true }, () => {
  let service: Service;
  const row = (n: number): Row => ({ bucket: BUCKET, objectKey: `a/${n}`, customerKey: newKey() });
  before(async () => {
    // Nobody listens at its S3.
    service = await startService();
  });
  after(() => service[Symbol.asyncDispose]());

  it('what cannot be read as rows ends it, unquoted', async () => {
    const key = newKey();
    const header = await startImport(service.dir).end(`${BUCKET},a,${key}\n`);
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
