import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { Unauthenticated } from '../../errors.ts';
import { Secret } from '../../secret.ts';
import type { ApiKeyRecord, ApiKeyStore } from '../../store/port.ts';
import type { Authenticator } from '../port.ts';
import type { Scope } from '../principal.ts';

const PREFIX = 'slk_';
// The id has no `_`; the secret, being base64url, may. So the first two underscores are the separators.
const TOKEN = /^slk_([0-9a-z]{16})_([A-Za-z0-9_-]{43})$/;
const TOUCH_EVERY_MS = 60_000;
const DETAIL = 'The API key is not valid.';

/** Makes a key. The token exists here and at its receiver only; the record holds its hash. */
export function createApiKey(ask: {
  tenant: string;
  name: string;
  scopes: readonly Scope[];
  expiresAt: number | null;
  now: number;
}): { token: Secret; record: ApiKeyRecord } {
  const id = randomBytes(8).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  return {
    token: new Secret(`${PREFIX}${id}_${secret}`),
    record: {
      id,
      tenant: ask.tenant,
      name: ask.name,
      scopes: [...ask.scopes],
      secretHash: sha256(secret),
      createdAt: ask.now,
      expiresAt: ask.expiresAt,
      revokedAt: null,
      lastUsedAt: null,
    },
  };
}

/** Accepts `slk_…` tokens. Last use is noted at most once a minute, beside the request: it neither delays nor fails it. */
export function apiKeyAuthenticator({ store, now }: { store: ApiKeyStore; now: Clock }): Authenticator {
  const touchedAt = new Map<string, number>();
  const unknownHash = randomBytes(32);

  function noteUse(record: ApiKeyRecord, at: number): void {
    // The map covers requests that come while a write is under way, and spares a failing store.
    const last = Math.max(record.lastUsedAt ?? -Infinity, touchedAt.get(record.id) ?? -Infinity);
    if (at - last < TOUCH_EVERY_MS) return;
    touchedAt.set(record.id, at);
    void touch(store, record.id, at);
  }

  return {
    async authenticate(token) {
      if (!token.startsWith(PREFIX)) return undefined;
      const [, id, secret] = TOKEN.exec(token) ?? [];
      if (id === undefined || secret === undefined) throw refused('malformed');

      const record = await store.find(id);
      // An unknown id costs the same comparison, so that time doesn't tell which ids exist.
      const matches = sameHash(sha256(secret), record?.secretHash ?? unknownHash);
      if (record === undefined) throw refused('unknown id');
      if (!matches) throw refused(`wrong secret for ${id}`);

      const at = now();
      if (record.revokedAt !== null) throw refused(`${id} is revoked`);
      if (record.expiresAt !== null && at >= record.expiresAt) throw refused(`${id} has expired`);
      noteUse(record, at);
      return { tenant: record.tenant, id: `key:${record.name}`, scopes: new Set(record.scopes) };
    },
  };
}

async function touch(store: ApiKeyStore, id: string, at: number): Promise<void> {
  try {
    await store.touch(id, at);
  } catch {
    // Last use is a convenience for operators; the next minute's use tries again.
  }
}

function refused(reason: string): Unauthenticated {
  return new Unauthenticated(DETAIL, { cause: new Error(`API key: ${reason}`) });
}

/** By way of a text, which takes half the time of a buffer that OpenSSL is given to fill. */
function sha256(text: string): Buffer {
  return Buffer.from(hash('sha256', text, 'hex'), 'hex');
}

function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
