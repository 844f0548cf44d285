import { v7 as uuidv7 } from 'uuid';
import { signGrant, type Grant, type GrantLimits } from '../access/grant.ts';
import { grantRefusals } from '../access/grant-limits.ts';
import { prefixMisfit } from '../access/object-key.ts';
import type { Principal } from '../access/principal.ts';
import type { GrantsConfig, TenantConfig } from '../config/config.ts';
import {
  GrantExhausted,
  GrantExpired,
  GrantNotFound,
  InvalidRequest,
  NotConfigured,
  PolicyRefused,
} from '../errors.ts';
import { tenantOf, type Services } from './services.ts';

const DEFAULT_SECONDS = 900;

export interface GrantAsk extends GrantLimits {
  readonly count: number;
  readonly expiresInSeconds: number | undefined;
}

export interface Minted {
  readonly grant: Grant;
  /** A bearer token; whoever has it has what the grant allows. */
  readonly token: string;
}

/** @throws NotConfigured, InvalidRequest, PolicyRefused when it would allow more than the tenant's policy; nothing was stored. */
export async function mintGrant(services: Services, principal: Principal, ask: GrantAsk): Promise<Minted> {
  const { secrets, maxSeconds } = requireGrants(services);
  const [secret] = secrets;
  if (secret === undefined) throw new Error('the checks let grants without a secret through');
  const { count, expiresInSeconds = Math.min(DEFAULT_SECONDS, maxSeconds), ...limits } = ask;
  if (expiresInSeconds > maxSeconds)
    throw new InvalidRequest([{ path: '/expiresInSeconds', message: `must be at most ${maxSeconds}` }]);
  const { tenant } = principal;
  const policy = tenantOf(services, tenant);
  const refused = grantRefusals(policy, tenant, limits);
  if (refused.length > 0) throw new PolicyRefused(refused);
  const now = services.now();
  // A token's end is told in whole seconds.
  const expiresAt = Math.floor(now / 1000 + expiresInSeconds) * 1000;
  const grant: Grant = {
    ...limits,
    id: uuidv7(),
    tenant,
    createdBy: principal.id,
    count,
    used: 0,
    createdAt: now,
    expiresAt,
    endsAt: expiresAt + policy.slotSeconds * 1000,
    revokedAt: null,
  };
  const token = await signGrant(secret, grant);
  await services.observer.timed('commit', () => services.store.grants.insert(grant));
  return { grant, token };
}

/** A page of the tenant's, newest first. */
export function listGrants(
  services: Services,
  principal: Principal,
  query: { before?: string; limit: number },
): Promise<Grant[]> {
  requireGrants(services);
  return services.store.grants.list(principal.tenant, query);
}

export async function findGrant(services: Services, principal: Principal, id: string): Promise<Grant> {
  requireGrants(services);
  return present(await services.store.grants.get(principal.tenant, id), id);
}

/** At once, for new slots and for those that it began. URLs that were given stay good until they end: they are S3's to judge. */
export async function revokeGrant(services: Services, principal: Principal, id: string): Promise<Grant> {
  requireGrants(services);
  const revoked = await services.observer.timed('commit', () =>
    services.store.grants.revoke(principal.tenant, id, services.now()),
  );
  return present(revoked, id);
}

/**
 * @throws GrantExpired
 * @throws PolicyRefused when the tenant's template has changed, and has no place for the grant's prefix any more.
 */
export function requireUsable(grant: Grant, { objectKeyTemplate }: TenantConfig, now: number): void {
  if (now >= grant.expiresAt) throw new GrantExpired();
  const misfit =
    grant.prefix === null ? undefined : prefixMisfit(objectKeyTemplate, grant.tenant, grant.prefix);
  if (misfit !== undefined) throw new PolicyRefused([{ path: 'grant/prefix', message: misfit }]);
}

/** As the grant was when the caller came: so nobody has keys wrapped for nothing. The commit of the slots decides. */
export function requireLeft({ count, used }: Grant, slots: number): void {
  if (used + slots > count) throw new GrantExhausted(count - used);
}

/** As long after its end as slots stay whose key is destroyed. @returns how many, `limit` at most. */
export function dropEndedGrants(services: Services, limit: number): Promise<number> {
  const { endedSeconds } = services.config.retention;
  return services.store.grants.dropEnded(services.now() - endedSeconds * 1000, limit);
}

function requireGrants({ config }: Services): GrantsConfig {
  if (config.grants === undefined)
    throw new NotConfigured('There are no grants here: the operator has not set grants.secretFiles.');
  return config.grants;
}

function present(grant: Grant | undefined, id: string): Grant {
  if (grant === undefined) throw new GrantNotFound(`There is no grant ${id}.`);
  return grant;
}
