import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { available } from '../support/available.ts';
import { makeCa } from '../support/ca.ts';
import type { Json } from '../support/harness.ts';
import { startMinio } from '../support/minio.ts';
import { waitUntil } from '../support/processes.ts';
import { answering, hanging, startReceiver, type Received, type Receiver } from '../support/receiver.ts';
import { environment, startService, type Service } from '../support/service.ts';
import { sendByFetch, trust } from './support-clients.ts';
import { MAIN } from './support-partner.ts';

const minio = await available(() => startMinio());
const [next = '', former = '', foreign = ''] = [32, 24, 32].map(
  (bytes) => `whsec_${randomBytes(bytes).toString('base64')}`,
);
const SETTINGS = 'urlSeconds: { min: 1, default: 8 }, slotSeconds: 8';
const YAML = 'retention: { deleteMarginSeconds: 1 }\njobs: { intervalSeconds: 1 }\n';

describe('webhooks of a running service', { skip: minio.skip }, () => {
  let dir: string;
  let receiver: Receiver;
  let service: Service;
  let isMended = false;

  before(async () => {
    trust(minio.get().caPem);
    await minio.get().createBucket('uploads');
    dir = await mkdtemp(join(tmpdir(), 'sealslot-webhooks-'));
    const ca = await makeCa(join(dir, 'tls'));
    receiver = await startReceiver(ca);
    receiver.behave = (received, response, request) => {
      const isFirst = countOf(received) === 1;
      const behaviours: Record<string, ReturnType<typeof answering>> = {
        '/crm': answering(200),
        '/flaky': answering(isFirst ? 500 : 202),
        '/redirecting': answering(307, { location: `https://localhost:${receiver.port}/elsewhere` }),
        '/gone': answering(isMended ? 204 : 410),
      };
      (behaviours[received.path] ?? hanging)(received, response, request);
    };
    for (const [name, secret] of Object.entries({ next, former }))
      await writeFile(join(dir, name), `${secret}\n`);
    const hook = (path: string, more = ', allowedAddresses: [127.0.0.0/8, "::1/128"]') =>
      `${path}: { url: "https://localhost:${receiver.port}/${path}", secretFiles: [${join(dir, 'next')}, ${join(dir, 'former')}], caFile: ${ca.caFile}${more} }`;
    const hooks = ['crm', 'flaky', 'redirecting', 'gone', 'hanging'].map((path) => hook(path));
    service = await startService({
      dir: join(dir),
      s3: minio.get(),
      tenant: `${SETTINGS}, webhooks: { ${[...hooks, hook('shut', '')].join(', ')} }`,
      yaml: YAML,
    });
  });
  after(async () => {
    await service.kill();
    await receiver[Symbol.asyncDispose]();
    await minio.stop();
    await rm(dir, { recursive: true });
  });

  const idOf = ({ headers }: Received): string => String(headers['webhook-id']);
  const countOf = (one: Received): number =>
    receiver.received.filter((other) => other.path === one.path && idOf(other) === idOf(one)).length;
  const at = (path: string, type: string, slot: Json): Received[] =>
    receiver.received.filter((received) => {
      const body = JSON.parse(received.body);
      return received.path === path && body.type === type && body.data.id === slot.id;
    });
  const told = (path: string, type: string, slot: Json, count = 1): Promise<void> =>
    waitUntil(`${type} at ${path}`, () => at(path, type, slot).length >= count);

  async function create(): Promise<Json> {
    const { status, body } = await service.call('POST', '/v1/uploads', {
      body: { contentType: 'text/plain', size: 5 },
    });
    assert.equal(status, 201);
    return body;
  }
  async function put({ request }: Json, more: Record<string, string> = {}): Promise<void> {
    const { method, url, headers } = request;
    const { status } = await sendByFetch({
      method,
      url,
      headers: { ...headers, ...more },
      body: Buffer.from('12345'),
    });
    assert.equal(status, 200);
  }
  const sealslot = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) =>
      execFile(
        process.execPath,
        [MAIN, 'webhooks', ...args],
        { cwd: dir, env: environment(dir) },
        (error, stdout, stderr) =>
          resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
      ),
    );
  const list = async (...args: string[]): Promise<Json[]> =>
    (await sealslot('list', '--json', ...args)).stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));

  let uploaded: Json;
  it('an upload is told to each, and a stock library takes it by either secret', async () => {
    uploaded = await create();
    await put(uploaded);
    assert.equal((await service.call('POST', `/v1/uploads/${uploaded.id}/complete`)).status, 200);
    await told('/crm', 'upload.uploaded', uploaded);
    const [received] = at('/crm', 'upload.uploaded', uploaded);
    assert.ok(received);
    const headers = received.headers as Record<string, string>;
    for (const secret of [next, former]) {
      const event = new Webhook(secret).verify(received.body, headers) as Json;
      assert.equal(event.data.objectKey, uploaded.objectKey);
      assert.equal(event.data.state, 'uploaded');
    }
    assert.throws(() => new Webhook(foreign).verify(received.body, headers), WebhookVerificationError);
    const key = uploaded.request.headers['x-amz-server-side-encryption-customer-key'] as string;
    assert.equal(
      receiver.received.some(({ body }) => body.includes(key)),
      false,
    );
  });

  it('one that failed is told again, under the same id', async () => {
    await told('/flaky', 'upload.uploaded', uploaded, 2);
    const [first, second] = at('/flaky', 'upload.uploaded', uploaded);
    assert.ok(first && second);
    assert.equal(idOf(first), idOf(second));
    for (const { body, headers } of [first, second])
      new Webhook(next).verify(body, headers as Record<string, string>);
    assert.notEqual(first.headers['webhook-timestamp'], second.headers['webhook-timestamp']);
  });

  it('one that redirects is not followed, and one whose address is not public is not connected to', async () => {
    const failures = new Map((await list()).map(({ webhook, lastFailure }) => [webhook, lastFailure]));
    assert.equal(failures.get('redirecting'), 'answered 307');
    assert.equal(failures.get('shut'), 'address not public, and not in allowedAddresses');
    assert.equal(
      receiver.received.some(({ path }) => path === '/elsewhere' || path === '/shut'),
      false,
    );
  });

  it('rejected, expired and deleted slots are told too, in the order of each slot', async () => {
    const [rejected, expired] = [await create(), await create()];
    await put(rejected, { 'content-disposition': 'inline' });
    assert.equal((await service.call('POST', `/v1/uploads/${rejected.id}/complete`)).status, 422);
    assert.equal((await service.call('DELETE', `/v1/uploads/${rejected.id}`)).status, 202);
    await told('/crm', 'upload.expired', expired);
    await told('/crm', 'upload.deleted', rejected);
    const ofRejected = receiver.received
      .filter(({ path, body }) => path === '/crm' && body.includes(rejected.id as string))
      .map(({ body }) => JSON.parse(body).type);
    assert.deepEqual(ofRejected, ['upload.rejected', 'upload.deleted']);
  });

  it('what was given up is listed, and sent again beside the running service', async () => {
    const dead = await list('--state', 'dead', '--tenant', 'acme');
    assert.ok(dead.length >= 1);
    assert.deepEqual(new Set(dead.map(({ webhook }) => webhook)), new Set(['gone']));
    const [{ id }] = dead.filter(({ uploadId }) => uploadId === uploaded.id);
    assert.match(
      (await sealslot('list', '--state', 'dead')).stdout,
      new RegExp(`${id} dead acme/gone .*: answered 410\n`),
    );
    isMended = true;
    const replayed = await sealslot('replay', '--dead', '--tenant', 'acme');
    assert.deepEqual([replayed.code, replayed.stdout], [0, `${dead.length} to be sent again\n`]);
    await told('/gone', 'upload.uploaded', uploaded, 2);
    await waitUntil('no dead ones', async () => (await list('--state', 'dead')).length === 0);
    assert.equal((await sealslot('replay', id as string)).code, 0);
    await told('/gone', 'upload.uploaded', uploaded, 3);
    assert.deepEqual(new Set(at('/gone', 'upload.uploaded', uploaded).map(idOf)), new Set([id]));
    const unknown = await sealslot('replay', 'msg_unknown');
    assert.deepEqual([unknown.code, unknown.stdout], [1, '0 to be sent again\n']);
    assert.equal(unknown.stderr, 'msg_unknown: no such message\n');
    const [waiting] = await list('--state', 'pending');
    const sooner = await sealslot('replay', waiting?.id as string, 'msg_unknown');
    assert.equal(sooner.stdout, `0 to be sent again\n${waiting?.id}: still pending, to be sent now\n`);
    assert.equal(sooner.code, 1);
    const gone = await sealslot('list', '--tenant', 'gone');
    assert.deepEqual([gone.code, gone.stdout, gone.stderr], [0, '', '']);
    for (const wrong of [['replay'], ['replay', '--dead', 'msg_1'], ['replay', 'msg_1', '--tenant', 'acme']])
      assert.equal((await sealslot(...wrong)).code, 64, wrong.join(' '));
  });

  it('metrics and the log tell of it, without a secret, a URL or a body', async () => {
    const metrics = await (await fetch(`${service.adminUrl}/metrics`)).text();
    assert.match(metrics, /sealslot_webhook_attempts_total\{outcome="delivered"\} [1-9]/);
    assert.match(metrics, /sealslot_webhook_attempts_total\{outcome="failed"\} [1-9]/);
    assert.match(metrics, /sealslot_webhook_messages\{state="pending"\} [1-9]/);
    assert.match(service.stdout(), /"outcome":"failed","failure":"answered 307","messageId":"msg_/);
    for (const secret of [next, former, 'localhost', '/crm'])
      assert.equal(service.stdout().includes(secret), false, secret);
  });

  it('what had not been delivered when the service was killed is told when it is back', async () => {
    const slot = await create();
    await put(slot);
    assert.equal((await service.call('POST', `/v1/uploads/${slot.id}/complete`)).status, 200);
    await told('/flaky', 'upload.uploaded', slot);
    // Its outcome has to be noted, or the lease of the attempt has to end first.
    const isNoted = new RegExp(
      `"failed","failure":"answered 500",[^\n]*"webhook":"flaky","uploadId":"${slot.id}"`,
    );
    await waitUntil('the first attempt to be noted', () => isNoted.test(service.stdout()));
    await service.kill();
    assert.equal(at('/flaky', 'upload.uploaded', slot).length, 1);
    service = await startService({ dir });
    await told('/flaky', 'upload.uploaded', slot, 2);
  });
});
