import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { faultProxy, FAULTS, type FaultProxy } from '../support/fault-proxy.ts';
import { startMinio } from '../support/minio.ts';
import { postgresStore, startPostgres } from '../support/postgres.ts';
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
const postgres = await available(() => startPostgres());
const MS = TIMEOUT_SECONDS * 1000;
const SHORT = {
  connectMilliseconds: MS / 2,
  lockMilliseconds: MS / 4,
  statementMilliseconds: MS / 4,
  callMilliseconds: MS / 2,
};

describe('PostgreSQL behind a faulty line', { skip: minio.skip || postgres.skip, timeout: 600_000 }, () => {
  let proxy: FaultProxy;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let world: FaultWorld;
  before(async () => {
    trust(minio.get().caPem);
    // With versions, an object may be re-keyed again at once.
    await minio.get().createBucket('uploads', { versioning: true });
    const { host, port } = postgres.get();
    proxy = await faultProxy(`https://${host}:${port}`);
    folder = await temporaryFolder();
    await writeSecrets(folder.path);
    const options = {
      dir: folder.path,
      s3: minio.get(),
      store: postgresStore(await postgres.get().createDatabase(), postgres.get(), {
        port: String(proxy.port),
      }),
      yaml: FAULT_YAML,
      tenant: 'methods: [PUT, multipart]',
    };
    await setUp(folder.path, options);
    await configure(folder.path, { 'store.timeouts': SHORT });
    world = { service: await startService(options), handedOut: new Map(), answered: new Set() };
    await makeSlots(world);
  });
  after(async () => {
    await world.service[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
    await postgres.stop();
    await minio.stop();
  });

  let open: number | undefined;
  for (const fault of FAULTS) {
    it(`${fault}: all that needs the store says so in time, and comes back`, async () => {
      await round(world, { proxy, fault, down: 'store' });
      open ??= await handles(world.service);
      await proxy.fail(fault);
      await readiness(world.service, 503, { store: 'failed' });
      await proxy.mend();
      await readiness(world.service, 200, {});
    });
  }

  it('nothing is half-made, lost or leaked', async () => {
    // Not of the service, which has read them: of what opens the keys from outside, while all is well.
    await configure(folder.path, { 'store.timeouts': {} });
    await allWhole(world, { mayHaveLostAnswers: true });
    await noMoreHandles(world.service, open ?? 0);
  });

  it('the end comes in its time although the store hangs in the middle of calls', async () => {
    await proxy.fail('half-open');
    const asking = world.service.call('GET', '/v1/uploads').catch(() => undefined);
    await endsWell(world.service);
    await asking;
  });
});
