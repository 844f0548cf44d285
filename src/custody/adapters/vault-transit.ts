import type { Clock } from '../../clock.ts';
import type { VaultTransitConfig } from '../../config/config.ts';
import { DependencyUnavailable } from '../../errors.ts';
import { encodeContext } from '../context.ts';
import { CustomerKey } from '../customer-key.ts';
import { KeyNotMine, KeyRefused } from '../errors.ts';
import type { KekCondition, KeyPlace, KeyWrapper, WrappedKey } from '../port.ts';
import { authorised } from './vault-transit/authorised.ts';
import { ciphertextOf, versionOf } from './vault-transit/ciphertext.ts';
import { proveFitness } from './vault-transit/fitness.ts';
import { vaultHttp } from './vault-transit/http.ts';
import { remembered } from './vault-transit/remembered.ts';
import { openSession } from './vault-transit/session.ts';
import { NO_PLACE, openTransit } from './vault-transit/transit.ts';
import type { Transit } from './vault-transit/transit.ts';

const NEWEST_VERSION_MS = 10_000;
const KEKS_MS = 60_000;

export interface VaultTransitOptions {
  readonly id: string;
  readonly config: VaultTransitConfig;
  readonly now?: Clock;
}

/**
 * Wraps under one `derived` key of the transit engine of HashiCorp Vault or OpenBao: its `context` is the place. Proves at start that the key
 * binds it; when the server does not answer then, before the first wrapping.
 * @throws KeyRefused for a key, a policy or a login that will not do.
 */
export async function vaultTransitWrapper(options: VaultTransitOptions): Promise<KeyWrapper> {
  const { id, now = Date.now } = options;
  const config = trimmed(options.config);
  const http = vaultHttp({ id, ...config });
  const session = openSession(id, config.auth, http, now);
  const transit = openTransit(authorised(http, session, { id, mount: config.mount }), { id, ...config });
  const unproven = keyWrapper(id, kekIdOf(config), transit, now);
  const proven = remembered(Infinity, now, () => proveFitness(unproven, transit));
  try {
    await proven();
  } catch (error) {
    if (!(error instanceof DependencyUnavailable)) {
      http.close();
      throw error;
    }
  }
  return {
    ...unproven,
    async wrap(key, place) {
      await proven();
      return unproven.wrap(key, place);
    },
    async rewrap(wrapped, place) {
      await proven();
      return unproven.rewrap(wrapped, place);
    },
    async isCurrent(wrapped) {
      await proven();
      return unproven.isCurrent(wrapped);
    },
    close: () => http.close(),
  };
}

function keyWrapper(id: string, kekId: string, transit: Transit, now: Clock): KeyWrapper {
  const contextOf = (place: KeyPlace): string => encodeContext(id, kekId, place).toString('base64');
  const stored = (ciphertext: string): WrappedKey => ({
    wrapperId: id,
    kekId,
    bytes: Buffer.from(ciphertext),
  });

  function assertMine(wrapped: WrappedKey): void {
    if (wrapped.wrapperId !== id) throw new KeyNotMine('The key was wrapped by another wrapper.');
    if (wrapped.kekId !== kekId) throw new KeyNotMine('The key was wrapped under another transit key.');
  }

  const newestVersion = remembered(NEWEST_VERSION_MS, now, async () => {
    const version = (await transit.describe())?.latestVersion;
    return version ?? versionOf(await encrypted(transit, CustomerKey.generate(), NO_PLACE)) ?? 0;
  });

  const condition = remembered(KEKS_MS, now, () => conditionOf(transit));

  return {
    id,

    async wrap(key, place) {
      return stored(await encrypted(transit, key, contextOf(place)));
    },

    async unwrap(wrapped, place) {
      assertMine(wrapped);
      const item = { ciphertext: ciphertextOf(wrapped.bytes), context: contextOf(place) };
      return customerKeyOf(await transit.decrypt(item), transit.where);
    },

    async rewrap(wrapped, place) {
      assertMine(wrapped);
      const item = { ciphertext: ciphertextOf(wrapped.bytes), context: contextOf(place) };
      return stored(await transit.rewrap(item));
    },

    async isCurrent({ wrapperId, kekId: wrappedBy, bytes }) {
      if (wrapperId !== id || wrappedBy !== kekId) return false;
      const version = versionOf(Buffer.from(bytes).toString('utf8'));
      return version !== undefined && version >= (await newestVersion());
    },

    async keks() {
      const said = await condition().catch(unknown);
      return [{ wrapperId: id, kekId, ...said }];
    },

    close: () => undefined,
  };
}

async function encrypted(transit: Transit, key: CustomerKey, context: string): Promise<string> {
  try {
    return await transit.encrypt({ plaintext: key.bytes().toString('base64'), context });
  } catch (error) {
    // For a key that is gone, Vault asks for the right to make it: 403. It is more use to hear that it is gone.
    if (error instanceof KeyRefused && error.refusal === 'access_denied') await transit.proveExistence();
    throw error;
  }
}

function customerKeyOf(base64: string, where: string): CustomerKey {
  const bytes = Buffer.from(base64, 'base64');
  try {
    return CustomerKey.fromBytes(bytes);
  } catch (cause) {
    throw new KeyRefused(`${where}: What Vault opened is no customer key.`, { refusal: 'wrong_form', cause });
  } finally {
    bytes.fill(0);
  }
}

type Condition = Omit<KekCondition, 'wrapperId' | 'kekId'>;

async function conditionOf(transit: Transit): Promise<Condition> {
  const facts = await transit.describe();
  if (facts === undefined)
    return { state: 'unknown', detail: 'The policy does not allow to read what Vault says of the key.' };
  return { state: facts.softDeleted ? 'disabled' : 'usable' };
}

function unknown(error: unknown): Condition {
  const said = error instanceof DependencyUnavailable ? error.cause : error;
  return { state: 'unknown', detail: said instanceof Error ? said.message : 'Vault does not tell.' };
}

/** A name, never a version: `rotate` keeps it. */
function kekIdOf({ namespace, mount, key }: VaultTransitConfig): string {
  return [...(namespace === undefined ? [] : [namespace]), mount, key].join('/');
}

/** People write `transit/` for `transit`; what is stored must not depend on it. */
function trimmed(config: VaultTransitConfig): VaultTransitConfig {
  const bare = (name: string): string => name.replace(/^\/+|\/+$/g, '');
  const { mount, namespace } = config;
  return { ...config, mount: bare(mount), namespace: namespace === undefined ? undefined : bare(namespace) };
}
