import { createSnapshot, inspectStore, openHierarchy, openKeks, openStore } from '../composition.ts';
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
 * @param options `maybeNew`: a store that is not there is made, else that is a mistake in `store.path`.
 * @throws StoreAbsent.
 */
export async function openServices(
  config: Config,
  { maybeNew = false }: { maybeNew?: boolean } = {},
): Promise<Operated> {
  const now = Date.now;
  const found = await inspectStore(config.store.path);
  if (!maybeNew && found.state.kind === 'absent') throw new StoreAbsent(config.store.path);
  const keks = await openKeks(config, UNCOUNTED);
  const store = await openStore(config, { exclusive: false });
  const wrapper = openHierarchy(config, { keks, store, now, targets: () => services.targets });
  const parts = { store, wrapper, keks, observer: UNOBSERVED, now, lookAt: () => undefined };
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

/** The configuration, and `--tenant` if it was given. @throws UsageError for a tenant that is not configured. */
export async function loadOperated(env: NodeJS.ProcessEnv, tenant: string | undefined): Promise<Config> {
  const config = await loadConfig({ path: configPath(env), env });
  if (tenant !== undefined && !Object.hasOwn(config.tenants, tenant)) {
    throw new UsageError(`--tenant ${tenant}: must be one of ${Object.keys(config.tenants).join(', ')}`);
  }
  return config;
}

const UNOBSERVED: Observer = { timed: (_step, work) => work(), slot: () => undefined };
