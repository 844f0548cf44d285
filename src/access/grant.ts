import { decodeProtectedHeader } from 'jose';
import type { Secret } from '../secret.ts';
import type { UploadMethod } from '../uploads/upload.ts';
import { signToken, verifyToken } from './signed-token.ts';
import type { Lifetime } from './verified-tokens.ts';

/** What a grant allows of what its tenant's policy allows. Null: no limit of its own. */
export interface GrantLimits {
  /** Bytes. */
  readonly maxSizeBytes: number | null;
  /** Globs as in the tenant's policy. */
  readonly contentTypes: readonly string[] | null;
  readonly methods: readonly UploadMethod[] | null;
  /** Where in the bucket its objects go: clean segments with `/` between, in the place of `{prefix}`. */
  readonly prefix: string | null;
  /** Each of its slots has these, and no other value under their names. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A grant as stored: slots for somebody without credentials of his own. All times are milliseconds since the epoch. */
export interface Grant extends GrantLimits {
  /** UUIDv7. */
  readonly id: string;
  readonly tenant: string;
  /** `Principal.id` of who minted it. */
  readonly createdBy: string;
  /** How many slots there may be by it; those that were made and ended count too. */
  readonly count: number;
  readonly used: number;
  readonly createdAt: number;
  /** From then on it makes no slots. */
  readonly expiresAt: number;
  /** From then on its token is no good any more: until then it finishes what it began. Whole seconds. */
  readonly endsAt: number;
  readonly revokedAt: number | null;
}

const TYPE = 'sealslot-grant+jwt';
const CLAIMS = ['tenant'];
const BASE64URL = /^[\w-]+$/;
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** @param secret at least 32 bytes. @returns a bearer token that ends at `endsAt`; the limits are not in it. */
export function signGrant(secret: Secret, { id, tenant, endsAt }: Grant): Promise<string> {
  return signToken(secret, TYPE, { subject: id, expiresAt: endsAt, claims: { tenant } });
}

/** Whether a token says that it is a grant, by its unverified `typ`: none of an issuer may be taken for one, nor the other way round. */
export function isGrantToken(token: string): boolean {
  return isGrantHeader(token.slice(0, Math.max(0, token.indexOf('.')))) && COMPACT_JWS.test(token);
}

/** Tokens of one issuer have one header, so it need not be read each time. */
const headers = new Map<string, boolean>();
const MOST_HEADERS = 100;
const LONGEST_HEADER = 500;

function isGrantHeader(header: string): boolean {
  const known = headers.get(header);
  if (known !== undefined) return known;
  const isGrants = readsAsGrants(header);
  if (headers.size >= MOST_HEADERS) headers.clear();
  if (header.length <= LONGEST_HEADER) headers.set(header, isGrants);
  return isGrants;
}

function readsAsGrants(header: string): boolean {
  if (!BASE64URL.test(header)) return false;
  try {
    const { typ } = decodeProtectedHeader(`${header}..`);
    return typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === TYPE;
  } catch {
    return false;
  }
}

/** What a token of a grant names. */
export interface VerifiedGrant extends Lifetime, Pick<Grant, 'id' | 'tenant'> {}

/**
 * What the token names. Whether that is still there and good, the store knows.
 * @returns `foreign` when none of the secrets has signed it, `ended` when its time has come.
 */
export async function verifyGrant(
  secrets: readonly Secret[],
  token: string,
  now: number,
): Promise<VerifiedGrant | 'ended' | 'foreign'> {
  const verified = await verifyToken(secrets, TYPE, token, CLAIMS, now);
  if (typeof verified === 'string') return verified;
  const { sub: id, tenant, exp = -Infinity, nbf } = verified;
  return typeof id === 'string' && typeof tenant === 'string' ? { id, tenant, exp, nbf } : 'foreign';
}
