import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { Link } from '../access/link.ts';
import type { Principal } from '../access/principal.ts';
import type { TenantConfig } from '../config/config.ts';
import { RateLimited } from '../errors.ts';
import type { Hit } from '../store/port.ts';
import type { Services } from '../uploads/services.ts';

const WINDOW_SECONDS = 60;
/** How many used-up windows are remembered before those that have ended are looked for. */
const MOST_REMEMBERED = 10_000;

/** One of the limits that a request counts for. */
interface Bound {
  readonly per: RateLimited['per'];
  /** Of whom the requests are counted. */
  readonly whose: string;
  readonly limit: number;
  /** Whether the caller is told how it stands: the tenant's traffic is nobody's business who has only a grant or a link. */
  readonly told: boolean;
}

/**
 * Counts each request by the limits of its caller.
 * @throws RateLimited when one is used up, DependencyUnavailable when the store does not answer: without it nothing else would be answered.
 */
export interface RateLimits {
  ofPrincipal(services: Services, principal: Principal, reply: FastifyReply): Promise<void>;
  ofLink(services: Services, link: Link, reply: FastifyReply): Promise<void>;
}

export function createRateLimits(): RateLimits {
  /** By key. A count only grows while its window lasts, so whoever has used it up needs no store to be told so. */
  const usedUp = new Map<string, Hit>();

  async function count(services: Services, { per, whose, limit }: Bound, now: number): Promise<Hit> {
    const key = createHash('sha256').update(`${per}\0${whose}`).digest('base64url');
    const known = usedUp.get(key);
    if (known !== undefined && known.endsAt > now && known.count > limit) return known;
    usedUp.delete(key);
    const hit = await services.store.rateLimits.hit(key, WINDOW_SECONDS * 1000, now);
    if (hit.count > limit) remember(key, hit, now);
    return hit;
  }

  function remember(key: string, hit: Hit, now: number): void {
    if (usedUp.size >= MOST_REMEMBERED)
      for (const [other, { endsAt }] of usedUp) if (endsAt <= now) usedUp.delete(other);
    if (usedUp.size < MOST_REMEMBERED) usedUp.set(key, hit);
  }

  /** In turn: a request that one limit refuses does not count for the next, so nobody uses up what all of the tenant have. */
  async function countAll(services: Services, bounds: readonly Bound[], reply: FastifyReply): Promise<void> {
    const policies: string[] = [];
    const states: string[] = [];
    for (const bound of bounds) {
      const now = services.now();
      const { count: used, endsAt } = await count(services, bound, now);
      // Another replica's clock may be ahead.
      const left = Math.min(WINDOW_SECONDS, Math.max(1, Math.ceil((endsAt - now) / 1000)));
      if (bound.told) {
        policies.push(`"${bound.per}";q=${bound.limit};w=${WINDOW_SECONDS}`);
        states.push(`"${bound.per}";r=${Math.max(0, bound.limit - used)};t=${left}`);
        reply.header('ratelimit-policy', policies.join(', ')).header('ratelimit', states.join(', '));
      }
      if (used > bound.limit) throw new RateLimited(bound.per, left);
    }
  }

  return {
    ofPrincipal: (services, principal, reply) => countAll(services, boundsOf(services, principal), reply),
    ofLink: (services, { tenant }, reply) => countAll(services, linkBoundsOf(services, tenant), reply),
  };
}

function boundsOf({ config }: Services, { tenant, id, grant }: Principal): Bound[] {
  const limits = limitsOf(config.tenants, tenant);
  const own = limits.principal?.requestsPerMinute;
  const all = limits.tenant?.requestsPerMinute;
  return [
    ...(own === undefined
      ? []
      : [{ per: 'principal', whose: `${tenant}\0${id}`, limit: own, told: true } as const]),
    ...(all === undefined
      ? []
      : [{ per: 'tenant', whose: tenant, limit: all, told: grant === undefined } as const]),
  ];
}

function linkBoundsOf({ config }: Services, tenant: string): Bound[] {
  const limit = limitsOf(config.tenants, tenant).links?.requestsPerMinute;
  return limit === undefined ? [] : [{ per: 'links', whose: tenant, limit, told: false }];
}

/** A link may be of a tenant that has left the configuration. */
function limitsOf(tenants: Readonly<Record<string, TenantConfig>>, name: string): TenantConfig['limits'] {
  return (Object.hasOwn(tenants, name) ? tenants[name]?.limits : undefined) ?? {};
}
