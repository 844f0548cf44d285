import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { makeCa } from '../support/ca.ts';
import { faultProxy, FAULTS, type FaultProxy } from '../support/fault-proxy.ts';
import { startMinio } from '../support/minio.ts';
import { waitUntil } from '../support/processes.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { setUp, startService } from '../support/service.ts';
import { sendByFetch, trust } from './support-clients.ts';
import { BODY, temporaryFolder } from './support-custody.ts';
import {
  configure,
  endsWell,
  FAULT_YAML,
  handles,
  noMoreHandles,
  readiness,
  rounds,
  writeSecrets,
  type Call,
  type FaultWorld,
} from './support-faults.ts';

const minio = await available(() => startMinio());
const ASK = { contentType: 'text/plain', size: BODY.length };

/** Nobody who calls the service waits for a receiver. */
const CALLS: readonly Call[] = [
  {
    name: 'a slot',
    ok: 201,
    needs: [],
    ask: ({ service }) => service.call('POST', '/v1/uploads', { body: ASK }),
  },
  { name: 'the list', ok: 200, needs: [], ask: ({ service }) => service.call('GET', '/v1/uploads') },
];

describe('a webhook’s receiver behind a faulty line', { skip: minio.skip, timeout: 1_200_000 }, () => {
  let receiver: Receiver;
  let proxy: FaultProxy;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let world: FaultWorld;
  before(async () => {
    trust(minio.get().caPem);
    await minio.get().createBucket('uploads');
    folder = await temporaryFolder();
    const ca = await makeCa(join(folder.path, 'tls'));
    receiver = await startReceiver(ca);
    proxy = await faultProxy(`https://localhost:${receiver.port}`);
    await writeSecrets(folder.path);
    await writeFile(join(folder.path, 'whsec'), `whsec_${Buffer.alloc(32, 1).toString('base64')}`, {
      mode: 0o600,
    });
    const options = { dir: folder.path, yaml: FAULT_YAML, s3: minio.get() };
    await setUp(folder.path, options);
    await configure(folder.path, {
      'tenants.acme.webhooks': {
        crm: {
          url: `${proxy.endpoint.origin}/crm`,
          secretFiles: ['whsec'],
          allowedAddresses: ['127.0.0.0/8'],
          caFile: ca.caFile,
        },
      },
    });
    world = { service: await startService(options), handedOut: new Map(), answered: new Set() };
  });
  after(async () => {
    await world.service[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
    await minio.stop();
  });

  /** @returns the id of a slot that there is something to tell of. */
  const tell = async (): Promise<string> => {
    const { status, body } = await world.service.call('POST', '/v1/uploads', { body: ASK });
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal((await sendByFetch({ ...body.request, body: BODY })).status, 200);
    assert.equal((await world.service.call('POST', `/v1/uploads/${body.id}/complete`)).status, 200);
    return body.id as string;
  };
  const told = (id: string): boolean => receiver.received.some(({ body }) => body.includes(id));
  const failed = (id: string): boolean =>
    new RegExp(`"outcome":"failed",[^\\n]*"uploadId":"${id}"`).test(world.service.stdout());

  let open: number | undefined;
  for (const fault of FAULTS) {
    it(`${fault}: nobody waits for it, and it is told once it is back`, async () => {
      await proxy.fail(fault);
      const meanwhile = await tell();
      // It mends the line in the end: an attempt may come through before the line fails again.
      await rounds(world, {}, { proxy, fault, down: undefined, calls: CALLS, timeoutSeconds: 1 });
      await proxy.fail(fault);
      const id = await tell();
      await waitUntil('an attempt to fail', () => failed(id), { timeoutMs: 60_000 });
      await readiness(world.service, 200, {});
      await proxy.mend();
      // On a slow machine the second attempt comes before the line is mended; the third is due five minutes after it.
      await waitUntil('both to be told', () => told(id) && told(meanwhile), { timeoutMs: 400_000 });
      open ??= await handles(world.service);
    });
  }

  it('nothing is leaked, and the end does not wait for a receiver that hangs', async () => {
    await noMoreHandles(world.service, open ?? 0);
    await proxy.fail('half-open');
    const before = proxy.connections();
    const id = await tell();
    await waitUntil('an attempt to hang', () => proxy.connections() > before);
    await endsWell(world.service);
    const given = `"failure":"the service ended before an answer came",[^\\n]*"uploadId":"${id}"`;
    assert.match(world.service.stdout(), new RegExp(given));
  });
});
