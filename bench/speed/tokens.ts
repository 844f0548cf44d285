import { generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { exportJWK, SignJWT, type JWK } from 'jose';

export const ISSUER = 'https://issuer.example.com';
export const AUDIENCE = 'sealslot';
const LIFE_SECONDS = 24 * 3_600;
/** Each connection is a user of its own, who comes again and again with the same token. */
const USERS = 256;

export interface Issuer {
  readonly jwks: { readonly keys: readonly JWK[] };
  tokens(algorithm: 'ES256' | 'RS256', users?: number): Promise<string[]>;
}

/** With one key for each algorithm, made now. */
export async function makeIssuer(): Promise<Issuer> {
  const pairs = {
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    RS256: generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  };
  const publicKey = async (alg: string, key: KeyObject): Promise<JWK> => ({
    ...(await exportJWK(key)),
    ...{ kid: alg, alg, use: 'sig' },
  });
  const keys = Object.entries(pairs).map(([alg, pair]) => publicKey(alg, pair.publicKey));
  return {
    jwks: { keys: await Promise.all(keys) },
    tokens: (algorithm, users = USERS) =>
      Promise.all(
        Array.from({ length: users }, () =>
          new SignJWT({ scope: 'uploads:write uploads:read' })
            .setProtectedHeader({ alg: algorithm, kid: algorithm, typ: 'JWT' })
            .setIssuer(ISSUER)
            .setAudience(AUDIENCE)
            .setSubject(randomUUID())
            .setIssuedAt()
            .setExpirationTime(Math.floor(Date.now() / 1_000) + LIFE_SECONDS)
            .sign(pairs[algorithm].privateKey),
        ),
      ),
  };
}
