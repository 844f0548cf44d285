import { KeyNotMine, KeyRefused } from '../../custody/errors.ts';
import type { CustomerKey } from '../../custody/customer-key.ts';
import { INTERMEDIATE } from '../../custody/intermediate.ts';
import type { KeyPlace, KeyWrapper, WrappedKey } from '../../custody/port.ts';
import { placeOf } from '../services.ts';
import type { StoredKey } from '../../store/port.ts';
import type { Upload } from '../upload.ts';
import type { AuditContext } from './context.ts';
import { found, placeIn, type AuditFinding } from './finding.ts';

/** Why a key does not open, in words, or the key. */
export type Opening =
  | { readonly kind: 'open'; readonly key: CustomerKey }
  | { readonly kind: 'key_refused' | 'key_not_mine'; readonly detail: string };

/** @throws DependencyUnavailable when the keeper of its KEK does not answer. */
export async function openKey(
  { services }: Pick<AuditContext, 'services'>,
  wrapper: KeyWrapper,
  wrapped: WrappedKey,
  place: KeyPlace,
): Promise<Opening> {
  try {
    const key = await services.observer.timed('unwrap', () => wrapper.unwrap(wrapped, place));
    return { kind: 'open', key };
  } catch (error) {
    const by = `wrapper ${JSON.stringify(wrapped.wrapperId)}, KEK ${JSON.stringify(wrapped.kekId)}`;
    if (error instanceof KeyRefused) return { kind: 'key_refused', detail: `${error.refusal}; ${by}` };
    if (error instanceof KeyNotMine) return { kind: 'key_not_mine', detail: by };
    throw error;
  }
}

/**
 * A slot's key, or what is to be said instead: nothing when its intermediate key does not open, which is told once for all of its keys.
 * @param unopened ids of the intermediate keys that do not open.
 */
export async function openSlotKey(
  audit: AuditContext,
  unopened: ReadonlySet<string>,
  upload: Upload,
  stored: StoredKey,
): Promise<CustomerKey | readonly AuditFinding[]> {
  const { wrapped, generation } = stored;
  if (wrapped.wrapperId === INTERMEDIATE && unopened.has(wrapped.kekId)) return [];
  const opening = await openKey(audit, audit.services.wrapper, wrapped, placeOf(upload, generation));
  if (opening.kind === 'open') return opening.key;
  const at = placeIn(upload, stored);
  if (wrapped.wrapperId === INTERMEDIATE && (await isGone(audit, wrapped.kekId))) {
    return [found('intermediate_missing', at, `intermediate key ${wrapped.kekId}`)];
  }
  return [found(opening.kind, at, opening.detail)];
}

async function isGone({ services }: AuditContext, id: string): Promise<boolean> {
  return (await services.store.intermediates.get(id)) === undefined;
}
