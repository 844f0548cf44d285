import { jwtAuthenticator } from './access/adapters/jwt.ts';
import { apiKeyAuthenticator } from './access/adapters/api-key.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config/config.ts';
import { localWrapper } from './custody/adapters/local.ts';
import { readKekFile } from './custody/kek-file.ts';
import type { KeyWrapper } from './custody/port.ts';
import type { Snapshot } from './http/api.ts';
import { createTarget } from './s3/adapters/target.ts';
import type { S3Target } from './s3/port.ts';
import { openSqliteStore } from './store/adapters/sqlite.ts';
import { inspectSqliteStore } from './store/adapters/sqlite/inspect.ts';
import type { InspectStore } from './store/inspection.ts';
import type { Store } from './store/port.ts';
import type { Observer, Services } from './uploads/services.ts';

/** What lives as long as the process. */
export interface Parts {
  readonly store: Store;
  readonly wrapper: KeyWrapper;
  readonly observer: Observer;
  readonly now: Clock;
  readonly lookAt: Services['lookAt'];
}

export function openStore(config: Config, options: { exclusive: boolean }): Promise<Store> {
  return openSqliteStore({ path: config.store.path, exclusive: options.exclusive });
}

export const inspectStore: InspectStore = (path) => inspectSqliteStore(path);

export async function openWrapper(config: Config): Promise<KeyWrapper> {
  return localWrapper({ id: config.custody.id, ring: await readKekFile(config.custody.kekFile) });
}

/** What a reload may change, beside the parts that stay. Unchanged targets keep their connections. */
export function createSnapshot(config: Config, parts: Parts, earlier?: Snapshot): Snapshot {
  const targets = new Map<string, S3Target>();
  for (const [name, target] of Object.entries(config.s3.targets)) {
    const same = earlier?.services.config.s3.targets[name] === target;
    targets.set(name, (same ? earlier.services.targets.get(name) : undefined) ?? createTarget(target));
  }
  const services: Services = { ...parts, config, targets };
  return {
    services,
    authenticators: [
      apiKeyAuthenticator({ store: parts.store.apiKeys, now: parts.now }),
      jwtAuthenticator({ issuers: config.auth.issuers, now: parts.now }),
    ],
  };
}
