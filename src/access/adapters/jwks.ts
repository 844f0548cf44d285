import { readFile, stat } from 'node:fs/promises';
import { createLocalJWKSet, createRemoteJWKSet, errors } from 'jose';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../clock.ts';
import type { IssuerConfig } from '../../config/config.ts';
import { DependencyUnavailable } from '../../errors.ts';

const FETCH_TIMEOUT_MS = 5_000;
/** An unknown `kid` fetches the key set anew at most this often. */
const COOLDOWN_MS = 30_000;
const MAX_AGE_MS = 600_000;
/** A file is looked at this often even when each `kid` is known, so that a removed key stops being trusted. */
const FILE_LOOK_MS = 60_000;

/**
 * An issuer's keys. "No such key" stays the token's fault (jose's error); all else is the key set's: `DependencyUnavailable`.
 */
export function issuerKeys(source: IssuerConfig['jwks'], now: Clock): JWTVerifyGetKey {
  const keys = source.kind === 'url' ? urlKeys(source.url) : fileKeys(source.path, now);
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (isNoKey(error) || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw new DependencyUnavailable('jwks', error);
    }
  };
}

function urlKeys(url: URL): JWTVerifyGetKey {
  return createRemoteJWKSet(url, {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: MAX_AGE_MS,
  });
}

function fileKeys(path: string, now: Clock): JWTVerifyGetKey {
  let loaded: { version: string; keys: JWTVerifyGetKey } | undefined;
  let lookedAt = -Infinity;

  async function refresh(): Promise<JWTVerifyGetKey> {
    const { mtimeMs, size, ino } = await stat(path);
    const version = `${mtimeMs} ${size} ${ino}`;
    if (loaded?.version !== version) {
      const json = JSON.parse(await readFile(path, 'utf8')) as JSONWebKeySet;
      loaded = { version, keys: createLocalJWKSet(json) };
    }
    lookedAt = now();
    return loaded.keys;
  }

  return async (header, token) => {
    const known = loaded !== undefined && now() - lookedAt < FILE_LOOK_MS ? loaded.keys : await refresh();
    try {
      return await known(header, token);
    } catch (error) {
      if (!isNoKey(error)) throw error;
      const fresh = await refresh();
      if (fresh === known) throw error;
      return fresh(header, token);
    }
  };
}

function isNoKey(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey;
}
