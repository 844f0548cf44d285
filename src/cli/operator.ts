import { createLongSteps } from '../uploads/long-steps.ts';
import { createStreams } from '../uploads/streams.ts';
import {
  createSnapshot,
  lookForStore,
  openHierarchy,
  openKeks,
  openStore,
  type RefusedWrapper,
} from '../composition.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { UNCOUNTED } from '../custody/counted.ts';
import { StoreAbsent } from '../store/errors.ts';
import type { Observer, Services } from '../uploads/services.ts';
import { configPath, UsageError } from './command.ts';

export interface Operated extends AsyncDisposable {
  readonly services: Services;
}

/**
 * The service's own parts for a command that works on its store, beside it.
 * @param options `maybeNew`: a store that is not there is made, else that is a mistake in `store`. `refused`: told of each
 *   wrapper that cannot be opened, in place of throwing; its keys do not open then.
 * @throws StoreAbsent.
 */
export async function openServices(
  config: Config,
  { maybeNew = false, refused }: { maybeNew?: boolean; refused?: RefusedWrapper } = {},
): Promise<Operated> {
  const now = Date.now;
  if (!maybeNew) await demandStore(config);
  const keks = await openKeks(config, UNCOUNTED, refused);
  const store = await openStore(config, { serves: false });
  const wrapper = openHierarchy(config, { keks, store, now, targets: () => services.targets });
  const parts = {
    store,
    wrapper,
    keks,
    observer: UNOBSERVED,
    now,
    lookAt: () => undefined,
    deliver: () => undefined,
    longSteps: createLongSteps(),
    streams: createStreams(),
  };
  const { services } = createSnapshot(config, parts);
  return {
    services,
    async [Symbol.asyncDispose]() {
      for (const target of services.targets.values()) target.close();
      wrapper.close();
      await store.close();
    },
  };
}

/** Before a store is opened, which would make it. @throws StoreAbsent. */
export async function demandStore({ store }: Config): Promise<void> {
  const { isAbsent, place } = await lookForStore(store);
  if (isAbsent) throw new StoreAbsent(place, store.kind === 'sqlite' ? 'store.path' : 'store.database');
}

/** The configuration, and `--tenant` if it was given. @throws UsageError for a tenant that is not configured. */
export async function loadOperated(env: NodeJS.ProcessEnv, tenant: string | undefined): Promise<Config> {
  const config = await loadConfig({ path: configPath(env), env });
  if (tenant !== undefined && !Object.hasOwn(config.tenants, tenant)) {
    throw new UsageError(`--tenant ${tenant}: must be one of ${Object.keys(config.tenants).join(', ')}`);
  }
  return config;
}

const UNOBSERVED: Observer = { timed: (_step, work) => work(), slot: () => undefined };
