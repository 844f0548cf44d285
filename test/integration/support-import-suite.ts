import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import type { Available } from '../support/available.ts';
import { addFiles, findCanaries } from '../support/canary/search.ts';
import type { Json } from '../support/harness.ts';
import { waitUntil } from '../support/processes.ts';
import { pythonVenv } from '../support/python.ts';
import type { S3Server } from '../support/s3-server.ts';
import { startService, type Service } from '../support/service.ts';
import { sendByFetch, trust } from './support-clients.ts';
import { newKey, startImport, toCsv, toNdjson, type Row } from './support-import.ts';

const SUPPORT = new URL('../support/', import.meta.url).pathname;
const BUCKET = 'archive';
const SHORT_LIVES = 'retention: { deleteMarginSeconds: 1 }\njobs: { intervalSeconds: 1 }\n';

/** What an import of `count` objects, put by another program, must do on a real S3. */
export function importSuite(name: string, backend: Available<S3Server>, count: number): void {
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
      killed.stdin.write(toNdjson(given.slice(0, count / 2)));
      await waitUntil('a third of it', () => killed.lines() > count / 3);
      killed.kill('SIGKILL');
      const first = await killed.end();
      assert.equal(first.status, null);
      const begun = await allSlots(service);
      assert.ok(begun.length >= count / 3 - wrong.length && begun.length <= count / 2, String(begun.length));

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

async function allSlots(service: Service): Promise<Json[]> {
  const slots: Json[] = [];
  for (let cursor = ''; ;) {
    const { body } = await service.call('GET', `/v1/uploads?limit=100${cursor}`);
    slots.push(...body.uploads);
    if (body.nextCursor === undefined) return slots;
    cursor = `&cursor=${String(body.nextCursor)}`;
  }
}
