import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { available } from '../support/available.ts';
import { faultProxy, FAULTS, type FaultProxy } from '../support/fault-proxy.ts';
import { startKms } from '../support/kms.ts';
import { startMinio } from '../support/minio.ts';
import { startOpenbao } from '../support/openbao.ts';
import { setUp, startService } from '../support/service.ts';
import { trust } from './support-clients.ts';
import { custodyOf, kmsWrapper, temporaryFolder, transitWrapper } from './support-custody.ts';
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
const bao = await available(() => startOpenbao());
const kms = await available(() => startKms());

/** A keeper of KEKs, and the section of a wrapper that reaches it by way of the proxy. */
interface Keeper {
  readonly name: string;
  readonly skip: typeof bao.skip;
  readonly address: () => string;
  readonly wrapper: (through: FaultProxy) => Promise<object>;
}

const KEEPERS: readonly Keeper[] = [
  {
    name: 'OpenBao',
    skip: bao.skip,
    address: () => bao.get().address,
    async wrapper({ endpoint }) {
      await bao.get().request('POST', 'transit/keys/faults', { derived: true });
      return transitWrapper({ address: endpoint.origin, caFile: bao.get().caFile }, 'faults');
    },
  },
  {
    name: 'AWS KMS',
    skip: kms.skip,
    address: () => kms.get().endpoint,
    wrapper: async ({ endpoint }) => kmsWrapper(kms.get(), await kms.get().createKey(), endpoint.origin),
  },
];

after(async () => {
  await Promise.all([minio.stop(), bao.stop(), kms.stop()]);
});
before(async () => {
  if (minio.skip !== false) return;
  trust(minio.get().caPem);
  // With versions, an object may be re-keyed again at once.
  await minio.get().createBucket('uploads', { versioning: true });
});

for (const keeper of KEEPERS) {
  for (const hierarchy of [undefined, { maxAgeSeconds: 86_400 }]) {
    const how = hierarchy === undefined ? 'asked for each slot' : 'under a warm hierarchy';
    describe(
      `${keeper.name}, ${how}, behind a faulty line`,
      {
        skip: minio.skip || keeper.skip,
        timeout: 600_000,
      },
      () => {
        let proxy: FaultProxy;
        let folder: Awaited<ReturnType<typeof temporaryFolder>>;
        let world: FaultWorld;
        before(async () => {
          proxy = await faultProxy(keeper.address());
          folder = await temporaryFolder();
          await writeSecrets(folder.path);
          if (bao.skip === false)
            await writeFile(join(folder.path, 'bao-token'), bao.get().rootToken, { mode: 0o600 });
          const wrapper = { ...(await keeper.wrapper(proxy)), timeoutSeconds: TIMEOUT_SECONDS };
          const options = {
            dir: folder.path,
            s3: minio.get(),
            custody: custodyOf({
              current: 'keeper',
              wrappers: { keeper: wrapper },
              ...(hierarchy && { hierarchy }),
            }),
            yaml: FAULT_YAML,
            tenant: 'methods: [PUT, multipart]',
          };
          await setUp(folder.path, options);
          world = { service: await startService(options), handedOut: new Map(), answered: new Set() };
          await makeSlots(world);
        });
        after(async () => {
          await world.service[Symbol.asyncDispose]();
          await proxy[Symbol.asyncDispose]();
          await folder[Symbol.asyncDispose]();
        });

        let open: number | undefined;
        const down = hierarchy === undefined ? 'custody' : undefined;
        for (const fault of FAULTS) {
          it(`${fault}: what needs a KEK says so in time, all else goes on, and it comes back`, async () => {
            await round(world, { proxy, fault, down });
            open ??= await handles(world.service);
            await proxy.fail(fault);
            if (down === undefined) await readiness(world.service, 200, {});
            else await readiness(world.service, 503, { custody: 'failed' });
            await proxy.mend();
            await readiness(world.service, 200, {});
          });
        }

        it('nothing is half-made, lost or leaked, and the end comes although nobody answers', async () => {
          // Not of the service, which has its own: who looks asks for hundreds of keys at once.
          await configure(folder.path, { 'custody.wrappers.keeper.timeoutSeconds': 60 });
          await allWhole(world);
          await noMoreHandles(world.service, open ?? 0);
          await proxy.fail('half-open');
          const asking = world.service.call('GET', '/v1/uploads?limit=1').catch(() => undefined);
          await endsWell(world.service);
          await asking;
        });
      },
    );
  }
}
