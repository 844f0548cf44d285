import type { CustomerKey } from '../../custody/customer-key.ts';
import type { WrappedKey } from '../../custody/port.ts';
import { readRecoveryTags } from '../../custody/recovery-copy.ts';
import type { ObjectTags } from '../../s3/port.ts';
import type { StoredKey } from '../../store/port.ts';
import { placeOf } from '../services.ts';
import type { Upload } from '../upload.ts';
import type { AuditContext } from './context.ts';
import { found, placeIn, type AuditFinding } from './finding.ts';
import { openKey } from './opening.ts';

/** The copy of a slot's current key in the tags of its object. Says nothing where all is right, or where the object is not. */
export async function examineCopy(
  audit: AuditContext,
  tags: ObjectTags,
  slot: { readonly upload: Upload; readonly stored: StoredKey; readonly key: CustomerKey },
): Promise<readonly AuditFinding[]> {
  const { upload, stored, key } = slot;
  const { bucket, objectKey, versionId } = upload;
  const at = placeIn(upload, stored);
  const read = await tags.get({ bucket, objectKey, versionId });
  if (read === undefined) return [];
  const copy = readRecoveryTags(read);
  if (copy === undefined) {
    const isThere = Object.keys(read).some((name) => name.startsWith('sealslot-'));
    return [
      isThere
        ? found('copy_unreadable', at, 'its tags are not those of a recovery copy')
        : found('copy_missing', at, 'it has no tags of a recovery copy'),
    ];
  }
  if (copy.tenant !== upload.tenant || copy.slot !== upload.id || copy.generation !== stored.generation) {
    return [found('copy_disagrees', at, 'its tags name another tenant, slot or generation')];
  }
  if (isSameWrapping(copy.wrapped, stored.wrapped)) return [];
  const opening = await openKey(
    audit,
    audit.services.wrapper,
    copy.wrapped,
    placeOf(upload, copy.generation),
  );
  if (opening.kind !== 'open')
    return [found('copy_unreadable', at, `its copy does not open: ${opening.detail}`)];
  if (!opening.key.equals(key)) return [found('copy_disagrees', at, 'its copy opens as another key')];
  const { wrapperId, kekId } = copy.wrapped;
  return [found('copy_stale', at, `wrapper ${JSON.stringify(wrapperId)}, KEK ${JSON.stringify(kekId)}`)];
}

export function isSameWrapping(one: WrappedKey, other: WrappedKey): boolean {
  return (
    one.wrapperId === other.wrapperId &&
    one.kekId === other.kekId &&
    Buffer.compare(one.bytes, other.bytes) === 0
  );
}
