import { hostname } from 'node:os';
import { grantAuthenticator } from './access/adapters/grant.ts';
import { jwtAuthenticator } from './access/adapters/jwt.ts';
import { apiKeyAuthenticator } from './access/adapters/api-key.ts';
import type { Authenticator } from './access/port.ts';
import type { Clock } from './clock.ts';
import type { Config, PostgresConfig, SqliteConfig, WrapperConfig } from './config/config.ts';
import { DEFAULTS } from './config/defaults.ts';
import { localWrapper } from './custody/adapters/local.ts';
import { counted, type CountKekCall } from './custody/counted.ts';
import { hierarchy } from './custody/hierarchy.ts';
import { readKekFile } from './custody/kek-file.ts';
import { closedWrapper } from './custody/closed.ts';
import type { KeyWrapper } from './custody/port.ts';
import { SealslotError } from './errors.ts';
import { severalWrappers } from './custody/wrappers.ts';
import type { Snapshot } from './http/api.ts';
import { createTarget } from './s3/adapters/target.ts';
import type { S3Target } from './s3/port.ts';
import { openSqliteStore } from './store/adapters/sqlite.ts';
import { inspectSqliteStore } from './store/adapters/sqlite/inspect.ts';
import type { AskDurability } from './service/safety-gate.ts';
import { openSqliteSource, openSqliteSourceBeside } from './store/adapters/sqlite/move-source.ts';
import type { InspectStore } from './store/inspection.ts';
import type { Pair } from './store/move/copy.ts';
import type { MoveSource } from './store/move/port.ts';
import type { Store } from './store/port.ts';
import { keepIntermediateCopy } from './uploads/recovery.ts';
import type { Observer, Services } from './uploads/services.ts';

/** What lives as long as the process. */
export interface Parts {
  readonly store: Store;
  readonly wrapper: KeyWrapper;
  readonly keks: KeyWrapper;
  readonly observer: Observer;
  readonly now: Clock;
  readonly lookAt: Services['lookAt'];
  readonly deliver: Services['deliver'];
  readonly longSteps: Services['longSteps'];
  readonly streams: Services['streams'];
}

/**
 * @param serves true for a process that serves, false for a command beside it. A file has one that serves; a server any number of them.
 * @throws PackageMissing, and what the adapters say.
 */
export async function openStore({ store }: Config, { serves }: { serves: boolean }): Promise<Store> {
  if (store.kind === 'sqlite') return openSqliteStore({ path: store.path, exclusive: serves });
  const { openPostgresStore, optionsOf } = await import('./store/adapters/postgres.ts');
  return openPostgresStore(optionsOf(store, serves ? `${process.pid} ${hostname()}` : undefined));
}

/** The file that is moved. Nobody else has it open. @throws as `openSqliteSource` does. */
export function openMoveSource({ path }: SqliteConfig): Promise<MoveSource> {
  return openSqliteSource(path);
}

/**
 * The two stores of a move.
 * @param looksOnly nothing is changed then, neither a schema, and the file may be in use.
 * @throws as `openSqliteSource` and `openPostgresTarget` do; nothing stays open then.
 */
export async function openMove(
  from: SqliteConfig,
  to: PostgresConfig,
  { looksOnly }: { looksOnly: boolean },
): Promise<Pair & AsyncDisposable> {
  const { openPostgresTarget } = await import('./store/adapters/postgres/move-target.ts');
  const source = looksOnly ? await openSqliteSourceBeside(from.path) : await openMoveSource(from);
  try {
    const target = await openPostgresTarget(to, { changes: !looksOnly });
    return {
      source,
      target,
      async [Symbol.asyncDispose]() {
        await target[Symbol.asyncDispose]();
        await source[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

export const inspectStore: InspectStore = async (store) => {
  if (store.kind === 'sqlite') return inspectSqliteStore(store.path);
  const { inspectPostgresStore } = await import('./store/adapters/postgres/inspect.ts');
  return inspectPostgresStore(store);
};

/** Undefined of a store in a file. @throws DependencyUnavailable when the server cannot be asked. */
export const askDurability: AskDurability = async (store) => {
  if (store.kind === 'sqlite') return undefined;
  const { askPostgresDurability } = await import('./store/adapters/postgres/inspect.ts');
  return askPostgresDurability(store);
};

/** What a command asks before it opens a store, which would make one. @throws DependencyUnavailable when a server cannot be asked. */
export async function lookForStore(
  store: Config['store'],
): Promise<{ readonly isAbsent: boolean; readonly place: string }> {
  if (store.kind === 'sqlite') {
    const { state } = await inspectSqliteStore(store.path);
    return { isAbsent: state.kind === 'absent', place: store.path };
  }
  const { lookForPostgresStore } = await import('./store/adapters/postgres/inspect.ts');
  return lookForPostgresStore(store);
}

/** Hears of a wrapper that cannot be opened, and why. */
export type RefusedWrapper = (id: string, why: SealslotError) => void;

/**
 * All configured wrappers as one.
 * @param refused unless given, one that cannot be opened is the end of it: @throws KekFileInvalid, KeyRefused, PackageMissing, what
 *   waiting does not mend.
 */
export async function openKeks(
  config: Config,
  count: CountKekCall,
  refused?: RefusedWrapper,
): Promise<KeyWrapper> {
  const { current, wrappers } = config.custody;
  const all = new Map<string, KeyWrapper>();
  for (const [id, wrapper] of Object.entries(wrappers))
    all.set(id, counted(await openUnlessRefused(id, wrapper, refused), count));
  const wraps = all.get(current);
  if (!wraps) throw new Error('the checks let an unknown current wrapper through');
  return severalWrappers(wraps, all, count);
}

async function openUnlessRefused(
  id: string,
  config: WrapperConfig,
  refused: RefusedWrapper | undefined,
): Promise<KeyWrapper> {
  try {
    return await openWrapper(id, config);
  } catch (error) {
    if (refused === undefined || !(error instanceof SealslotError)) throw error;
    refused(id, error);
    return closedWrapper(id, error);
  }
}

export async function openWrapper(id: string, config: WrapperConfig): Promise<KeyWrapper> {
  switch (config.kind) {
    case 'local': {
      const reread = () => readKekFile(config.kekFile);
      return localWrapper({ id, ring: await reread(), reread });
    }
    case 'aws-kms':
      return (await import('./custody/adapters/aws-kms.ts')).awsKmsWrapper({ id, config });
    case 'vault-transit':
      return (await import('./custody/adapters/vault-transit.ts')).vaultTransitWrapper({ id, config });
  }
}

/** What wraps the keys of objects: the KEKs themselves, or intermediate keys under them. */
export function openHierarchy(
  { custody }: Config,
  parts: { keks: KeyWrapper; store: Store; now: Clock; targets: () => ReadonlyMap<string, S3Target> },
): KeyWrapper {
  const { keks, store, now, targets } = parts;
  const { hierarchy: settings, recovery } = custody;
  return hierarchy({
    keks,
    intermediates: store.intermediates,
    settings: settings ?? DEFAULTS.hierarchy,
    wrapsNew: settings !== undefined,
    keepCopy: recovery && ((key) => keepIntermediateCopy(targets(), recovery, key)),
    now,
  });
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
    authenticators: authenticatorsOf(config, parts),
  };
}

/** In the order in which they are asked: a grant is a JWT too, and not an issuer's. */
export function authenticatorsOf(
  { auth, grants }: Pick<Config, 'auth' | 'grants'>,
  { store, now }: Pick<Parts, 'store' | 'now'>,
): Authenticator[] {
  return [
    apiKeyAuthenticator({ store: store.apiKeys, now }),
    ...(grants ? [grantAuthenticator({ secrets: grants.secrets, store: store.grants, now })] : []),
    jwtAuthenticator({ issuers: auth.issuers, now }),
  ];
}
