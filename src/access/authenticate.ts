import { Unauthenticated } from '../errors.ts';
import type { Authenticator } from './port.ts';
import type { Principal } from './principal.ts';

/** RFC 6750: the scheme in any case, spaces, exactly one `b64token`. */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * The principal behind an `Authorization` header: the first authenticator that knows the token's kind decides.
 * @throws Unauthenticated without a single bearer token, or when no authenticator knows its kind.
 */
export async function authenticateBearer(
  authorization: string | undefined,
  authenticators: readonly Authenticator[],
): Promise<Principal> {
  const token = BEARER.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    throw new Unauthenticated('Send one token as "Authorization: Bearer <token>".');
  }
  for (const authenticator of authenticators) {
    const principal = await authenticator.authenticate(token);
    if (principal !== undefined) return principal;
  }
  throw new Unauthenticated('The token is not of a kind that this service accepts.');
}
