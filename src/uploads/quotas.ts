import type { Principal } from '../access/principal.ts';
import type { CallerLimits, TenantConfig } from '../config/config.ts';
import { PolicyRefused, QuotaExceeded } from '../errors.ts';
import type { Quota } from '../store/port.ts';
import type { UploadAsk } from './issue.ts';

/** What new slots of this caller must fit in. A grant's count for who minted it, or minting would be a way round the limit. */
export function quotasOf({ limits }: TenantConfig, { tenant, id, grant }: Principal): readonly Quota[] {
  const of = (principal: string | null, bounds: CallerLimits = {}): Quota[] => {
    const { openSlots = null, bytesPerDay = null } = bounds;
    return openSlots === null && bytesPerDay === null ? [] : [{ tenant, principal, openSlots, bytesPerDay }];
  };
  return [...of(null, limits.tenant), ...of(grant?.createdBy ?? id, limits.principal)];
}

/** @throws PolicyRefused of what no waiting would make fit. */
export function requireFit(
  quotas: readonly Quota[],
  asked: readonly { readonly ask: UploadAsk }[],
  path: string,
): void {
  const bytes = asked.reduce((sum, { ask }) => sum + ask.size, 0);
  const refused = quotas.flatMap(({ openSlots, bytesPerDay }) => [
    ...(openSlots !== null && asked.length > openSlots
      ? [{ path, message: `must be at most ${openSlots} uploads, of which no more may be open at once` }]
      : []),
    ...(bytesPerDay !== null && bytes > bytesPerDay
      ? [{ path, message: `must be at most ${bytesPerDay} bytes in all, which is the limit of a day` }]
      : []),
  ]);
  if (refused.length > 0) throw new PolicyRefused(refused);
}

/** How much its tenant and its maker use is nobody's business who has only a grant. */
export async function toldTo<T>({ grant }: Principal, work: Promise<T>): Promise<T> {
  if (grant === undefined) return work;
  return work.catch((error: unknown) => {
    throw error instanceof QuotaExceeded ? error.withoutFigures() : error;
  });
}
