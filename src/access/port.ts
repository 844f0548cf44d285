import type { Principal } from './principal.ts';

/** Turns a bearer token into a principal. */
export interface Authenticator {
  /**
   * @param token the text after `Bearer `.
   * @returns the principal, or `undefined` when the token is not of this authenticator's kind ("not mine": the next one is asked).
   * @throws Unauthenticated when the token is of this kind but not good: unknown, expired, revoked, forged.
   * @throws DependencyUnavailable when it cannot be told now (key set or store unreachable).
   */
  authenticate(token: string): Promise<Principal | undefined>;
}
