import { readRecoveryTags } from '../../custody/recovery-copy.ts';
import type { ObjectFacts } from '../../s3/port.ts';
import type { Refused } from '../restore-slot.ts';
import { targetOf, type Services } from '../services.ts';
import { adoptedId, idsIn, slotIdsOf } from '../slot-ids.ts';
import type { Upload } from '../upload.ts';

/** Invariant 4, so that no file gives a second slot to an object of the service's own. Ids of imported objects follow from their names. */
export function misplaced({ id, bucket, objectKey }: Upload): Refused | undefined {
  if (slotIdsOf(bucket, objectKey).includes(id)) return undefined;
  return { kind: 'misplaced', detail: `the upload's id is none that an object of this name has` };
}

export const isImported = ({ id, bucket, objectKey }: Upload): boolean =>
  !idsIn(objectKey).includes(id) && id === adoptedId(bucket, objectKey);

/** A slot may read and remove its object, so no tenant is given one in a bucket of others. Imported objects lie in any bucket of nobody. */
export function inOtherBucket({ config }: Services, upload: Upload): Refused | undefined {
  const { tenant, target, bucket } = upload;
  const own = config.tenants[tenant];
  if (own?.target === target && own.bucket === bucket) return undefined;
  const isOthers = Object.values(config.tenants).some((other) => other.bucket === bucket);
  if (isImported(upload) && !isOthers) return undefined;
  const detail =
    `the bucket ${JSON.stringify(bucket)} of the S3 target "${target}" is not that of the tenant "${tenant}" in the configuration; ` +
    'if it was once, configure it for the time of the import';
  return { kind: 'misplaced', detail };
}

/** Asked again when it is committed; here it spares S3, and a dry run says it too. */
export async function takenByOther(
  { config, store }: Services,
  upload: Upload,
): Promise<Refused | undefined> {
  for (const id of slotIdsOf(upload.bucket, upload.objectKey)) {
    for (const tenant of Object.keys(config.tenants)) {
      const slot = await store.uploads.get(tenant, id);
      if (
        slot &&
        (id === upload.id || (slot.bucket === upload.bucket && slot.objectKey === upload.objectKey))
      ) {
        return {
          kind: 'conflict',
          detail: `the upload ${id} of the tenant "${tenant}" has this id, or this bucket and object key`,
        };
      }
    }
  }
  return undefined;
}

/**
 * An imported object may have a UUIDv7 in its name, and so looks like one of the service's own, whose owner comes later in the file. Its
 * copy tells them apart; where there are no copies, nothing does.
 */
export async function carriesOther(
  services: Services,
  upload: Upload,
  { versionId, tagCount }: ObjectFacts,
): Promise<Refused | undefined> {
  const { tenant, id, target, bucket, objectKey } = upload;
  if (!isImported(upload) || idsIn(objectKey).length === 0) return undefined;
  // Without recovery the right to read tags may be missing; where it is not, S3 has counted them.
  if (services.config.custody.recovery === undefined && tagCount === 0) return undefined;
  const tags = await targetOf(services, target).tags.get({ bucket, objectKey, versionId });
  const copy = tags && readRecoveryTags(tags);
  if (!copy || (copy.slot === id && copy.tenant === tenant)) return undefined;
  return {
    kind: 'conflict',
    detail: `its object carries the key of the upload ${copy.slot} of the tenant "${copy.tenant}"`,
  };
}
