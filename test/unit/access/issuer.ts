import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import type { IssuerConfig } from '../../../src/config/config.ts';

export const NOW = 1_700_000_000_000;
export const ISSUER = 'https://id.example';
const SECONDS = NOW / 1_000;

export interface TestKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly kid: string;
  readonly jwk: JWK;
}

export function testKey(kid: string): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, publicKey, kid, jwk: { ...(publicKey.export({ format: 'jwk' }) as JWK), kid } };
}

export const claims = {
  iss: ISSUER,
  aud: 'sealslot',
  sub: 'user 1',
  exp: SECONDS + 60,
  scope: 'uploads:write other:scope uploads:read',
  tenant: 'acme',
};

export function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Signed by hand, because jose would refuse to make most of what these tests send. */
export function jwt(
  key: TestKey,
  payload: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): string {
  const head = { alg: 'ES256', typ: 'at+jwt', kid: key.kid, ...header };
  const input = `${encode(head)}.${encode({ ...claims, ...payload })}`;
  const signature = sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

export function issuerConfig(jwks: IssuerConfig['jwks'], changes: Partial<IssuerConfig> = {}): IssuerConfig {
  return {
    issuer: ISSUER,
    audience: ['sealslot', 'other'],
    jwks,
    algorithms: ['ES256'],
    types: ['at+jwt'],
    tenant: { kind: 'fixed', name: 'fixed' },
    scopesClaim: 'scope',
    ...changes,
  };
}
