import { readFile, stat } from 'node:fs/promises';
import { createLocalJWKSet, createRemoteJWKSet, errors, jwksCache } from 'jose';
import type { JSONWebKeySet, JWKSCacheInput, JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../clock.ts';
import type { IssuerConfig } from '../../config/config.ts';
import { DependencyUnavailable } from '../../errors.ts';

const FETCH_TIMEOUT_MS = 5_000;
/** An unknown `kid` fetches the key set anew at most this often. */
const COOLDOWN_MS = 30_000;
const MAX_AGE_MS = 600_000;
/** A file is looked at this often even when each `kid` is known, so that a removed key stops being trusted. */
const FILE_LOOK_MS = 60_000;

/** An issuer's keys. What is not the token's fault (jose's errors) is the key set's: `DependencyUnavailable`. */
export interface IssuerKeys {
  /** The key for a token. */
  readonly find: JWTVerifyGetKey;
  /** Stands for the set that is trusted now: another object, another set. `undefined` when it is time to look whether there is another. */
  trusted(): object | undefined;
  /** The same after that look, if it is time for one. */
  look(): Promise<object>;
}

export function issuerKeys(source: IssuerConfig['jwks'], now: Clock): IssuerKeys {
  const keys = source.kind === 'url' ? urlKeys(source.url) : fileKeys(source.path, now);
  return {
    trusted: () => keys.trusted(),
    look: () => orUnavailable(() => keys.look()),
    find: (header, token) => orUnavailable(async () => keys.find(header, token)),
  };
}

async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isNoKey(error) || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
    throw new DependencyUnavailable('jwks', error);
  }
}

function urlKeys(url: URL): IssuerKeys {
  const cache: JWKSCacheInput = {};
  const find = createRemoteJWKSet(url, {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: MAX_AGE_MS,
    [jwksCache]: cache,
  });
  let fetched: JSONWebKeySet | undefined;
  let set = { text: '' };

  /** What is fetched again is mostly the same. */
  function current(): object {
    if (cache.jwks === fetched) return set;
    fetched = cache.jwks;
    const text = JSON.stringify(fetched);
    if (text !== set.text) set = { text };
    return set;
  }

  return {
    find,
    trusted: () => (find.fresh ? current() : undefined),
    async look() {
      if (!find.fresh) await find.reload();
      return current();
    },
  };
}

function fileKeys(path: string, now: Clock): IssuerKeys {
  let loaded: { version: string; text: string; keys: JWTVerifyGetKey } | undefined;
  let lookedAt = -Infinity;

  async function refresh(): Promise<JWTVerifyGetKey> {
    const { mtimeMs, size, ino } = await stat(path);
    const version = `${mtimeMs} ${size} ${ino}`;
    if (loaded?.version !== version) {
      const text = await readFile(path, 'utf8');
      const keys = loaded?.text === text ? loaded.keys : createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
      loaded = { version, text, keys };
    }
    lookedAt = now();
    return loaded.keys;
  }

  const trusted = (): JWTVerifyGetKey | undefined =>
    loaded !== undefined && now() - lookedAt < FILE_LOOK_MS ? loaded.keys : undefined;

  return {
    trusted,
    look: async () => trusted() ?? refresh(),
    async find(header, token) {
      const known = trusted() ?? (await refresh());
      try {
        return await known(header, token);
      } catch (error) {
        if (!isNoKey(error)) throw error;
        const fresh = await refresh();
        if (fresh === known) throw error;
        return fresh(header, token);
      }
    },
  };
}

function isNoKey(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey;
}
