import type { Clock } from '../../clock.ts';
import { Unauthenticated } from '../../errors.ts';
import type { Secret } from '../../secret.ts';
import type { GrantStore } from '../../store/port.ts';
import { isGrantToken, verifyGrant, type VerifiedGrant } from '../grant.ts';
import type { Authenticator } from '../port.ts';
import { grantPrincipal } from '../principal.ts';
import { isGoodAt, tokenName, VerifiedTokens } from '../verified-tokens.ts';

const MAX_TOKEN_LENGTH = 2_048;

/**
 * Accepts grants. To be asked before the authenticator of JWTs, which would take a grant for a token of an unknown issuer. The row is read
 * each time, so that a revocation bites at once. Of a token that this service has signed the refusal says why; of any other it does not.
 */
export function grantAuthenticator(options: {
  secrets: readonly Secret[];
  store: GrantStore;
  now: Clock;
}): Authenticator {
  const { secrets, store, now } = options;
  const known = new VerifiedTokens<VerifiedGrant>();

  async function verify(token: string): Promise<VerifiedGrant> {
    const name = tokenName(token);
    const before = known.get(name);
    if (before !== undefined && isGoodAt(before, now())) return before;
    const verified = await verifyGrant(secrets, token, now());
    if (verified === 'foreign') throw refused('The grant is not valid.', 'not signed by this service');
    if (verified === 'ended') throw refused('The grant has ended.', 'ended');
    known.set(name, verified);
    return verified;
  }

  return {
    async authenticate(token) {
      if (token.length > MAX_TOKEN_LENGTH || !isGrantToken(token)) return undefined;
      const verified = await verify(token);
      const grant = await store.get(verified.tenant, verified.id);
      if (grant === undefined) throw refused('The grant is not known here any more.', 'unknown');
      if (grant.revokedAt !== null) throw refused('The grant has been revoked.', `${grant.id} is revoked`);
      return grantPrincipal(grant);
    },
  };
}

function refused(detail: string, reason: string): Unauthenticated {
  return new Unauthenticated(detail, { cause: new Error(`Grant: ${reason}`) });
}
