import { intermediatePlace, type IntermediateKey } from '../../custody/intermediate.ts';
import { intermediateCopy, readIntermediateCopy } from '../../custody/intermediate-copy.ts';
import { ObjectRefused } from '../../s3/errors.ts';
import { recoveryTarget } from '../recovery.ts';
import type { AuditContext } from './context.ts';
import { isSameWrapping } from './copies.ts';
import { found, isUnknown, orUnknown, type AuditFinding, type Place } from './finding.ts';
import { openKey } from './opening.ts';

/** Ids of the intermediate keys that do not open, and how many were looked at. */
export interface Intermediates {
  readonly unopened: ReadonlySet<string>;
  readonly looked: number;
}

/** All of them, one after the other: there is one a tenant and period, and slots need to know which do not open. */
export async function examineIntermediates(audit: AuditContext): Promise<Intermediates> {
  const { store } = audit.services;
  const all = await store.intermediates.list(audit.tenant === undefined ? {} : { tenant: audit.tenant });
  const unopened = new Set<string>();
  let looked = 0;
  for (const key of all) {
    if (audit.signal.aborted) break;
    const findings = await confirmed(audit, key);
    for (const finding of findings) {
      audit.report(finding);
      if (finding.code === 'intermediate_unopened') unopened.add(key.id);
    }
    looked += 1;
  }
  return { unopened, looked };
}

/** A rewrap, or the destruction of a key that nobody needs, may have come between. */
async function confirmed(audit: AuditContext, key: IntermediateKey): Promise<readonly AuditFinding[]> {
  const first = await examine(audit, key);
  if (first.every(isUnknown)) return first;
  const again = await audit.services.store.intermediates.get(key.id);
  if (again === undefined) return [];
  const second = await examine(audit, again);
  const after = await audit.services.store.intermediates.get(key.id);
  if (after === undefined || !isSameWrapping(after.wrapped, again.wrapped)) return [];
  return second.filter(({ code }) => code === 'unknown' || first.some((one) => one.code === code));
}

async function examine(audit: AuditContext, key: IntermediateKey): Promise<readonly AuditFinding[]> {
  const at: Place = { tenant: key.tenant, intermediate: key.id };
  const opened = await orUnknown(at, async () => {
    const opening = await openKey(audit, audit.services.keks, key.wrapped, intermediatePlace(key));
    if (opening.kind === 'open') return [];
    const uses = await audit.services.store.intermediates.uses(key.id);
    const detail = `${opening.kind}: ${opening.detail}; period ${key.period}; it wraps ${uses} keys`;
    return [found('intermediate_unopened', at, detail)];
  });
  return [...opened, ...(await orUnknown(at, () => examineCopy(audit, key, at)))];
}

async function examineCopy(
  { services }: AuditContext,
  key: IntermediateKey,
  at: Place,
): Promise<readonly AuditFinding[]> {
  const { recovery } = services.config.custody;
  if (recovery === undefined) return [];
  const { buckets } = recoveryTarget(services.targets, recovery);
  const bytes = await buckets.getSmall(recovery.bucket, intermediateCopy(key).objectKey).catch(asRefused);
  if (bytes instanceof ObjectRefused) {
    return [found('unknown', at, `its copy cannot be read: ${bytes.message.replace(/\.$/, '')}`)];
  }
  if (bytes === undefined) {
    // Its copy is kept before it wraps anything: one that was just made, or whose making ended early, needs none.
    const isUsed = (await services.store.intermediates.uses(key.id)) > 0;
    return isUsed ? [found('intermediate_copy_missing', at, `period ${key.period}`)] : [];
  }
  const copy = readIntermediateCopy(bytes);
  if (copy?.id !== key.id)
    return [found('intermediate_copy_differs', at, 'what lies there is no copy of it')];
  if (isSameWrapping(copy.wrapped, key.wrapped)) return [];
  const { wrapperId, kekId } = copy.wrapped;
  const by = `wrapper ${JSON.stringify(wrapperId)}, KEK ${JSON.stringify(kekId)}`;
  return [found('intermediate_copy_differs', at, `it is wrapped in another way, by ${by}`)];
}

function asRefused(error: unknown): ObjectRefused {
  if (error instanceof ObjectRefused) return error;
  throw error;
}
