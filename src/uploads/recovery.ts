import type { CustodyConfig } from '../config/config.ts';
import { intermediateCopy } from '../custody/intermediate-copy.ts';
import type { IntermediateKey } from '../custody/intermediate.ts';
import type { WrappedKey } from '../custody/port.ts';
import { holdsCopy, readRecoveryTags, recoveryTags, withCopy } from '../custody/recovery-copy.ts';
import { DependencyUnavailable, KeyUnusable } from '../errors.ts';
import type { ObjectFacts, ObjectVersion, S3Target } from '../s3/port.ts';
import type { PlacedKey } from '../store/port.ts';
import { placeOf, targetOf, type Services } from './services.ts';
import type { Upload } from './upload.ts';

/** @throws KeyUnusable when tags cannot hold it. */
export function copyTags(upload: Upload, generation: number, wrapped: WrappedKey): Record<string, string> {
  return recoveryTags(placeOf(upload, generation), wrapped);
}

/** The tags that an upload carries now: the copy of its key as it is wrapped now, or none. Whether there is one was fixed with the slot. */
export async function tagsOf(services: Services, upload: Upload): Promise<Record<string, string>> {
  const key = await services.store.keys.get(upload.id, upload.generation);
  return key?.copy ? copyTags(upload, key.generation, key.wrapped) : {};
}

/**
 * How many tags an arrived object should have, and has. Where HEAD tells another number, the tags themselves are read: some servers leave
 * it out, AWS does without the right to read tags, and a key wrapped anew may take more tags than the URL that was out carried.
 * @throws DependencyUnavailable('s3') when they cannot be read: nothing is rejected for a missing right.
 */
export async function countTags(
  services: Services,
  upload: Upload,
  object: ObjectFacts,
): Promise<{ expected: number; actual: number }> {
  const key = await services.store.keys.get(upload.id, upload.generation);
  if (!key?.copy) return { expected: 0, actual: object.tagCount };
  const expected = Object.keys(copyTags(upload, key.generation, key.wrapped)).length;
  if (object.tagCount === expected) return { expected, actual: expected };

  const { bucket, objectKey } = upload;
  const { versionId } = object;
  const tags = await targetOf(services, upload.target).tags.get({ bucket, objectKey, versionId });
  if (!tags) throw new DependencyUnavailable('s3', undefined, 'The object went away while it was verified.');
  const actual = Object.keys(tags).length;
  const found = readRecoveryTags(tags);
  const isEarlier = key.copy.isStale && found?.slot === upload.id && found.generation === key.generation;
  return {
    expected: isEarlier ? Object.keys(copyTags(upload, found.generation, found.wrapped)).length : expected,
    actual,
  };
}

/** `waiting`: nothing can be said before uploads that are out have ended, or somebody else changed the key meanwhile; ask again later. */
export type Renewal = 'renewed' | 'gone' | 'waiting';

/**
 * Brings the copy of a key up to how it is wrapped now, in the tags of the object version that it opens; other tags stay. `gone`: there is
 * no such version, and the store knows now that there is no copy.
 * @throws DependencyUnavailable when S3 or the store says neither yes nor no; the copy counts as it did.
 * @throws KeyUnusable when tags cannot hold it.
 */
export async function renewCopy(services: Services, key: PlacedKey): Promise<Renewal> {
  const { upload, generation } = key;
  switch (upload.state) {
    case 'issued':
    case 'expired':
    case 'deleting':
    case 'deleted':
      return awaitAbsence(services, key);
    case 'uploaded':
    case 'rejected':
      // A re-key under way writes the tags itself.
      if (generation > upload.generation)
        return generation === upload.nextGeneration ? 'waiting' : gone(services, key);
      if (generation < upload.generation && isReplaced(key)) return gone(services, key);
      return renewTags(services, key);
  }
}

/** Of a slot that has just become `uploaded`. A URL may have been out while its key was wrapped anew; what fails stays stale for `sealslot rewrap`. */
export async function renewStaleCopy(services: Services, upload: Upload): Promise<void> {
  try {
    const key = await services.store.keys.get(upload.id, upload.generation);
    if (key?.copy?.isStale === true) await renewCopy(services, { ...key, upload });
  } catch {
    // The object has arrived; that is what the caller is told.
  }
}

/** @throws DependencyUnavailable when the copy is not there for certain. */
export async function keepIntermediateCopy(
  targets: ReadonlyMap<string, S3Target>,
  recovery: NonNullable<CustodyConfig['recovery']>,
  key: IntermediateKey,
): Promise<void> {
  const { objectKey, bytes } = intermediateCopy(key);
  await recoveryTarget(targets, recovery).buckets.putSmall(
    recovery.bucket,
    objectKey,
    bytes,
    'application/json',
  );
}

export function recoveryTarget(
  targets: ReadonlyMap<string, S3Target>,
  { target: name }: NonNullable<CustodyConfig['recovery']>,
): S3Target {
  const target = targets.get(name);
  if (!target)
    throw new KeyUnusable(`The S3 target "${name}" of custody.recovery is not in the configuration.`);
  return target;
}

/** A superseded generation of a bucket without versions opens nothing any more: the object there is another generation's. */
function isReplaced({ versionId, upload }: PlacedKey): boolean {
  return versionId === null || versionId === upload.versionId;
}

async function renewTags(services: Services, key: PlacedKey): Promise<Renewal> {
  const { upload, generation, wrapped } = key;
  const { tags } = targetOf(services, upload.target);
  const object: ObjectVersion = {
    bucket: upload.bucket,
    objectKey: upload.objectKey,
    versionId: generation === upload.generation ? upload.versionId : key.versionId,
  };
  const copy = copyTags(upload, generation, wrapped);
  const before = await tags.get(object);
  if (!before) return gone(services, key);
  if (!holdsCopy(before, copy) && !(await tags.put(object, withCopy(before, copy))))
    return gone(services, key);
  const after = await tags.get(object);
  if (!after) return gone(services, key);
  if (!holdsCopy(after, copy)) {
    throw new DependencyUnavailable('s3', undefined, 'S3 took the tags of an object, but shows others.');
  }
  const isNoted = await services.store.keys.copied({ uploadId: upload.id, generation }, wrapped);
  return isNoted ? 'renewed' : 'waiting';
}

/**
 * A slot whose object nobody has seen. Uploads that are out may still bring the old copy, and an `issued` slot is given new ones, so only
 * the time after them says that there is no copy.
 */
async function awaitAbsence(services: Services, key: PlacedKey): Promise<Renewal> {
  const { state, urlEndsAt, target, bucket, objectKey } = key.upload;
  const provableAt = urlEndsAt + services.config.retention.deleteMarginSeconds * 1000;
  if (state === 'issued' || services.now() < provableAt) return 'waiting';
  const { versions, multipartUploadIds } = await targetOf(services, target).objects.remains(
    bucket,
    objectKey,
  );
  return versions.length === 0 && multipartUploadIds.length === 0 ? gone(services, key) : 'waiting';
}

async function gone(services: Services, { upload, generation }: PlacedKey): Promise<'gone'> {
  await services.store.keys.copied({ uploadId: upload.id, generation }, null);
  return 'gone';
}
