import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import type { Json } from '../support/harness.ts';
import { waitUntil } from '../support/processes.ts';
import type { Service } from '../support/service.ts';
import { sendByFetch, trust } from './support-clients.ts';
import { BUCKET, eventWorld, record, shuffled, type EventWorld } from './support-events.ts';
import { randomBody } from './support-service.ts';

const MIB = 1024 * 1024;
/** As MinIO sends one record twice at times, and S3 says that it may. */
const TIMES = 10;
const FILENAMES = ['plain.txt', 'with space+plus & 100%.txt', 'Grüße an Jürgen.pdf', '{id}"<>`🔑 .bin'];

const world = await available(eventWorld);

describe('events of MinIO’s own webhook', { skip: world.skip }, () => {
  let events: EventWorld;
  let service: Service;
  let teller: string;
  const former: string[] = [];
  before(async () => {
    events = world.get();
    trust(events.minio.caPem);
    teller = await events.token('acme', 'events:write');
    service = await events.start();
  });
  after(async () => {
    await service[Symbol.asyncDispose]();
    await world.stop();
  });

  const stop = async () => {
    await service.stop();
    former.push(service.stdout());
  };
  const create = async (ask: Json = {}, headers: Record<string, string> = {}) => {
    const body = { contentType: 'text/plain', size: 1000, ...ask };
    const answer = await service.call('POST', '/v1/uploads', { body, headers });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body;
  };
  const stateOf = async ({ id }: Json): Promise<string> => {
    const { status, body } = await service.call('GET', `/v1/uploads/${id}`);
    return status === 200 ? body.state : body.code;
  };
  const untilUploaded = (slot: Json) =>
    waitUntil(`${slot.objectKey} to be uploaded`, async () => (await stateOf(slot)) === 'uploaded');
  const put = async ({ request: { url, headers } }: Json, body: Buffer) =>
    assert.equal((await sendByFetch({ method: 'PUT', url, headers, body })).status, 200);
  const downloaded = async ({ id }: Json) => {
    const { body } = await service.call('POST', `/v1/uploads/${id}/download`);
    return (await sendByFetch({ method: 'GET', url: body.url, headers: body.headers })).body;
  };
  const tell = (event: unknown, token = teller) =>
    service.call('POST', '/v1/events/s3', { body: event, headers: { authorization: `Bearer ${token}` } });
  const answersTo = (operation: string) =>
    service
      .stdout()
      .split('\n')
      .filter((line) => line.includes(`"${operation}"`))
      .map((line) => (JSON.parse(line) as { status: number }).status);

  it('end what was PUT, whatever its name, and never called complete', async () => {
    const body = randomBody();
    const slots = await Promise.all(FILENAMES.map((filename) => create({ filename })));
    for (const slot of slots) await put(slot, body);
    for (const slot of slots) {
      await untilUploaded(slot);
      assert.deepEqual(await downloaded(slot), body);
    }
  });

  it('end a form that nobody calls complete for', async () => {
    const body = randomBody();
    const slot = await create({ filename: 'Über +.txt', method: 'POST' });
    const form = new FormData();
    for (const [name, value] of Object.entries<string>(slot.request.fields)) form.append(name, value);
    form.append('file', new Blob([new Uint8Array(body)]));
    assert.equal((await fetch(slot.request.url, { method: 'POST', body: form })).status, 201);
    await untilUploaded(slot);
    assert.deepEqual(await downloaded(slot), body);
  });

  it('do no harm to a multipart upload that is being completed, and a hint completes one', async () => {
    const body = randomBody(6 * MIB);
    const slots = await Promise.all(
      [0, 1].map(() =>
        create({ filename: 'a +ü.bin', size: body.length, method: 'multipart', partSize: 5 * MIB }),
      ),
    );
    for (const { id } of slots) {
      const asked = await service.call('POST', `/v1/uploads/${id}/parts`, { body: { partNumbers: [1, 2] } });
      for (const { partNumber, url, headers } of asked.body.parts) {
        const part = body.subarray((partNumber - 1) * 5 * MIB, partNumber * 5 * MIB);
        assert.equal((await sendByFetch({ method: 'PUT', url, headers, body: part })).status, 200);
      }
    }
    const [completed, hinted] = slots;
    const calls = [1, 2, 3].map(() => service.call('POST', `/v1/uploads/${completed.id}/complete`));
    for (const { status } of await Promise.all(calls)) assert.equal(status, 200);
    assert.equal(await stateOf(hinted), 'issued', 'parts make no event');
    assert.deepEqual((await tell({ Records: [record(hinted.objectKey)] })).body, { hints: 1 });
    await untilUploaded(hinted);
    for (const slot of slots) assert.deepEqual(await downloaded(slot), body);
  });

  it('wait in MinIO while the service is down, without a customer key', async () => {
    const body = randomBody();
    const slot = await create({ filename: 'ä +.txt', metadata: { invoice: '7' } });
    await stop();
    await put(slot, body);
    const queued = async () =>
      (await readdir(events.queueDir, { recursive: true })).filter((name) => name.endsWith('.event'));
    await waitUntil('the event to be queued', async () =>
      (await Promise.all((await queued()).map((name) => readFile(join(events.queueDir, name), 'utf8')))).some(
        (text) => text.includes(slot.id),
      ),
    );
    const secret = Buffer.from(slot.request.headers['x-amz-server-side-encryption-customer-key'], 'base64');
    for (const name of await queued()) {
      const text = await readFile(join(events.queueDir, name), 'latin1');
      for (const form of ['base64', 'base64url', 'hex', 'latin1'] as const) {
        assert.equal(text.toLowerCase().includes(secret.toString(form).toLowerCase()), false, name);
      }
    }
    service = await events.start();
    await untilUploaded(slot);
    await waitUntil('the queue to be empty', async () => (await queued()).length === 0);
    assert.deepEqual(await downloaded(slot), body);
    assert.deepEqual(new Set(answersTo('takeS3Events')), new Set([202]));
  });

  it('ten times each, reordered, forged, of unknown, foreign and deleted slots: right at the end, no key lost', async () => {
    const foreign = await events.token('globex', 'uploads:write', 'uploads:read', 'objects:read');
    const asGlobex = { authorization: `Bearer ${foreign}` };
    const body = randomBody();
    const [arrived, uploaded, waiting, deleting] = await Promise.all([1, 2, 3, 4].map(() => create()));
    const [theirs, theirWaiting] = await Promise.all([1, 2].map(() => create({}, asGlobex)));
    for (const slot of [uploaded, deleting, arrived, theirs]) await put(slot, body);
    assert.equal((await service.call('POST', `/v1/uploads/${uploaded.id}/complete`)).status, 200);
    assert.equal((await service.call('DELETE', `/v1/uploads/${deleting.id}`)).status, 202);

    const unknown = String(arrived.objectKey).replace(arrived.id, '01900000-0000-7000-8000-000000000000');
    const keys = [arrived, uploaded, waiting, deleting, theirs, theirWaiting].map((slot) => slot.objectKey);
    const told = [
      ...keys.map((key) => record(key)),
      record(unknown),
      ...keys.map((key) => ({ ...record(key), eventName: 'ObjectRemoved:Delete' })),
      record(waiting.objectKey, BUCKET, { size: 1000, eTag: 'forged', versionId: 'forged', sequencer: 'ff' }),
      record(waiting.objectKey, 'another-bucket'),
      record(`${waiting.objectKey}/../${deleting.id}`),
    ];
    const all = shuffled(Array.from({ length: TIMES }, () => told).flat());
    const answers = await Promise.all(all.map((one) => tell({ Records: [one] })));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]));
    assert.equal((await tell({ Records: all })).status, 202);
    const stranger = await events.token('globex', 'events:write');
    assert.deepEqual((await tell({ Records: [record(waiting.objectKey)] }, stranger)).body, { hints: 0 });
    assert.equal((await tell({ Records: [record(theirs.objectKey)] }, foreign)).status, 403);
    assert.equal((await tell({ Records: [record(waiting.objectKey)] }, `${teller}x`)).status, 401);

    // It ends when the looks under way have.
    await stop();
    service = await events.start();
    assert.equal(await stateOf(arrived), 'uploaded');
    assert.equal(await stateOf(uploaded), 'uploaded');
    assert.equal(await stateOf(waiting), 'issued');
    assert.equal(await stateOf(deleting), 'upload_deleted');
    const seen = await service.call('GET', `/v1/uploads/${theirs.id}`, { headers: asGlobex });
    assert.equal(seen.body.state, 'issued', 'another tenant’s API key tells nothing of it');
    for (const slot of [arrived, uploaded]) assert.deepEqual(await downloaded(slot), body);

    const complete = (slot: Json, headers = {}) =>
      service.call('POST', `/v1/uploads/${slot.id}/complete`, { headers });
    await Promise.all([put(waiting, body), put(theirWaiting, body)]);
    assert.equal((await complete(waiting)).status, 200);
    for (const slot of [theirs, theirWaiting]) assert.equal((await complete(slot, asGlobex)).status, 200);
    assert.deepEqual(await downloaded(waiting), body);
  });

  it('leave no error behind', () => {
    assert.equal(former.length, 2);
    for (const output of [...former, service.stdout()]) assert.doesNotMatch(output, /"level":50/);
  });
});
