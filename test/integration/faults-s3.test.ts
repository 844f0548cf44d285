import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { faultProxy, FAULTS, type FaultProxy } from '../support/fault-proxy.ts';
import { startMinio } from '../support/minio.ts';
import { waitUntil } from '../support/processes.ts';
import { setUp, startService } from '../support/service.ts';
import { trust } from './support-clients.ts';
import { temporaryFolder } from './support-custody.ts';
import {
  allWhole,
  configure,
  endsWell,
  FAULT_YAML,
  handles,
  makeSlots,
  noMoreHandles,
  readiness,
  round,
  TIMEOUT_SECONDS,
  writeSecrets,
  type FaultWorld,
} from './support-faults.ts';

const minio = await available(() => startMinio());

describe('S3 behind a faulty line', { skip: minio.skip, timeout: 600_000 }, () => {
  let proxy: FaultProxy;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let world: FaultWorld;
  before(async () => {
    trust(minio.get().caPem);
    // With versions, an object may be re-keyed again at once.
    await minio.get().createBucket('uploads', { versioning: true });
    proxy = await faultProxy(minio.get().endpoint);
    folder = await temporaryFolder();
    await writeSecrets(folder.path);
    const options = {
      dir: folder.path,
      s3: { ...minio.get(), endpoint: proxy.endpoint.href },
      publicEndpoint: minio.get().endpoint,
      yaml: FAULT_YAML,
      tenant: 'methods: [PUT, multipart]',
    };
    await setUp(folder.path, options);
    await configure(folder.path, { 's3.targets.main.timeoutSeconds': TIMEOUT_SECONDS });
    world = { service: await startService(options), handedOut: new Map(), answered: new Set() };
  });
  after(async () => {
    await world.service[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
    await minio.stop();
  });

  let open: number | undefined;
  for (const fault of FAULTS) {
    it(`${fault}: what needs S3 says so in time, all else goes on, and it comes back`, async () => {
      await round(world, { proxy, fault, down: 's3' });
      open ??= await handles(world.service);
      await proxy.fail(fault);
      await readiness(world.service, 200, {});
      await proxy.mend();
    });
  }

  it('nothing is half-made, lost or leaked', async () => {
    await allWhole(world);
    await noMoreHandles(world.service, open ?? 0);
  });

  it('the end comes in its time although S3 hangs in the middle of jobs and of answers', async () => {
    const { service } = world;
    const { doomed, uploaded } = await makeSlots(world);
    await proxy.fail('half-open');
    const before = proxy.connections();
    await service.call('DELETE', `/v1/uploads/${doomed}`);
    const reading = service.call('GET', `/v1/uploads/${uploaded}/content`).catch(() => undefined);
    await waitUntil('S3 to be asked', () => proxy.connections() > before);
    await endsWell(service);
    await reading;
  });
});
