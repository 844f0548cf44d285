import { INTERMEDIATE, type IntermediateKey } from '../../custody/intermediate.ts';
import { KeyNotMine, KeyRefused } from '../../custody/errors.ts';
import type { KeyPlace, WrappedKey } from '../../custody/port.ts';
import { type FoundCopy, readRecoveryTags } from '../../custody/recovery-copy.ts';
import type { ListedVersion } from '../../s3/port.ts';
import { allToTheirEnd } from '../patience.ts';
import { placeOf, targetOf, tenantOf, type Services } from '../services.ts';
import { slotIdsOf } from '../slot-ids.ts';

const PARALLEL = 8;

/**
 * An object version of the tenant that carries a key under this intermediate key which the store does not have: it was made after the
 * backup that the store is from, and nobody has recovered it. Its age tells nothing, since copies are written anew into old objects.
 * Asks S3 for the tags of all that the store cannot vouch for.
 * @returns its name in words, or undefined when there is none, or when `signal` was aborted.
 * @throws DependencyUnavailable when S3 or the store does not answer.
 */
export async function findUnknownKey(
  services: Services,
  key: Pick<IntermediateKey, 'id' | 'tenant'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { target, bucket } = tenantOf(services, key.tenant);
  const listed = living(targetOf(services, target).buckets.versions(bucket));
  const stop = new AbortController();
  let found: string | undefined;

  async function worker(): Promise<void> {
    while (!stop.signal.aborted && !signal.aborted) {
      const next = await listed.next();
      if (next.done === true) return;
      if (!(await isUnknown(services, key, bucket, next.value))) continue;
      found ??= nameOf(bucket, next.value);
      stop.abort();
    }
  }

  await allToTheirEnd(PARALLEL, worker, stop).finally(() => listed.return());
  return found;
}

async function* living(versions: AsyncIterable<ListedVersion>): AsyncGenerator<ListedVersion, void> {
  for await (const version of versions) if (!version.isDeleteMarker) yield version;
}

async function isUnknown(
  services: Services,
  { id, tenant }: Pick<IntermediateKey, 'id' | 'tenant'>,
  bucket: string,
  version: ListedVersion,
): Promise<boolean> {
  const { objectKey, versionId } = version;
  if (await isVouchedFor(services, tenant, bucket, version)) return false;
  const { target } = tenantOf(services, tenant);
  const tags = await targetOf(services, target).tags.get({ bucket, objectKey, versionId });
  const copy = tags && readRecoveryTags(tags);
  if (copy?.tenant !== tenant || copy.wrapped.wrapperId !== INTERMEDIATE || copy.wrapped.kekId !== id) {
    return false;
  }
  return !(await isStored(services, { bucket, objectKey }, copy));
}

/** A version never changes, so a slot that names it has its key. What has no versions may have been replaced. */
async function isVouchedFor(
  { store }: Services,
  tenant: string,
  bucket: string,
  { objectKey, versionId }: ListedVersion,
): Promise<boolean> {
  if (versionId === null || versionId === 'null') return false;
  for (const id of slotIdsOf(bucket, objectKey)) {
    const slot = await store.uploads.get(tenant, id);
    if (slot?.bucket !== bucket || slot.objectKey !== objectKey) continue;
    const keys = await store.keys.all(id);
    const opens = ({ generation, versionId: older }: (typeof keys)[number]): boolean =>
      (generation === slot.generation ? slot.versionId : older) === versionId;
    if (keys.some(opens)) return true;
  }
  return false;
}

/** Whether the copy is of no use to anybody: the store has the same key, or has buried its slot. */
async function isStored(
  { store, wrapper }: Services,
  { bucket, objectKey }: Pick<KeyPlace, 'bucket' | 'objectKey'>,
  { tenant, slot: id, generation, wrapped }: FoundCopy,
): Promise<boolean> {
  const slot = await store.uploads.get(tenant, id);
  if (slot?.bucket !== bucket || slot.objectKey !== objectKey) return false;
  if (slot.state === 'deleted') return true;
  const stored = await store.keys.get(id, generation);
  if (!stored) return false;
  return openAlike(wrapper, [stored.wrapped, wrapped], placeOf(slot, generation));
}

async function openAlike(
  wrapper: Services['wrapper'],
  [one, other]: readonly [WrappedKey, WrappedKey],
  place: KeyPlace,
): Promise<boolean> {
  try {
    const keys = await Promise.all([wrapper.unwrap(one, place), wrapper.unwrap(other, place)]);
    const isSame = keys[0].equals(keys[1]);
    for (const key of keys) key.erase();
    return isSame;
  } catch (error) {
    if (!(error instanceof KeyNotMine || error instanceof KeyRefused)) throw error;
    return false;
  }
}

/** As JSON: an object key may hold what a terminal would obey. */
function nameOf(bucket: string, { objectKey, versionId }: ListedVersion): string {
  const name = JSON.stringify(`${bucket}/${objectKey}`);
  return versionId === null ? name : `${name} (version ${versionId})`;
}
