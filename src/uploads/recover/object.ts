import { IntermediateGone, KekRetired } from '../../store/errors.ts';
import type { Upload } from '../upload.ts';
import { kinOf, slotIdsOf } from '../slot-ids.ts';
import type { Services } from '../services.ts';
import type { ListedObject } from './listed-object.ts';
import type { Note, Recovery, RefusedVersion } from './outcome.ts';
import { recoveredKeys, recoveredSlot } from './slot.ts';
import { KekNeeded, proveVersion, type ProvenVersion } from './version.ts';

export interface ObjectRecovery extends ListedObject {
  readonly target: string;
  /** The tenants that are configured with this target and bucket. */
  readonly tenants: readonly string[];
  /** Only this tenant's; all unless given. */
  readonly only: string | undefined;
  readonly dryRun: boolean;
}

/**
 * An object's slot from the copies in the tags of its versions: proof of each version → one commit. Repeatable; a slot that is there is
 * left as it is, and S3 is not asked about it. The highest generation that is proven is the slot's, wherever its version lies: whoever has
 * an older key, as a client of then does, can lay a version under it on top, with the copy that it once had.
 *
 * Behind a delete marker the versions are recovered all the same: the service makes no markers, and the lost slot named its version too.
 * @throws DependencyUnavailable when the store, the KEK or S3 says neither yes nor no; nothing was stored.
 */
export async function recoverObject(services: Services, object: ObjectRecovery): Promise<Recovery> {
  const there = await findSlot(services, object);
  if (there) return there;
  const { proven, refused } = await proveAll(services, object);
  const [newest] = proven;
  if (!newest) return refused.length > 0 ? { kind: 'refused', refused } : { kind: 'passed_over' };
  const { tenant, slot: id } = newest.copy;

  const own = proven.filter(({ copy }) => copy.slot === id && copy.tenant === tenant);
  const others = proven.filter((version) => !own.includes(version)).map(asOther);
  // Of several versions under one generation the newest comes first, and stays.
  const current = own.reduce(
    (best, one) => (one.copy.generation > best.copy.generation ? one : best),
    newest,
  );
  const upload = recoveredSlot(object, current, services.now());
  const problem = object.dryRun ? undefined : await restore(services, object, upload, own);
  if (problem) return problem;
  const notes: Note[] = [
    ...(object.isBehindMarker ? (['behind_delete_marker'] as const) : []),
    ...(newest.copy.generation < upload.generation ? (['older_generation_on_top'] as const) : []),
    ...(upload.state === 'rejected' ? (['rejected'] as const) : []),
  ];
  return { kind: 'recovered', tenant, id, notes, refused: [...refused, ...others, ...omitted(object)] };
}

/** @returns undefined when it is there now. */
async function restore(
  services: Services,
  object: ObjectRecovery,
  upload: Upload,
  own: readonly ProvenVersion[],
): Promise<Recovery | undefined> {
  try {
    const keys = recoveredKeys(own, upload.generation);
    if (await services.store.keys.restore(upload, keys, kinOf(upload))) return undefined;
  } catch (error) {
    // Destroyed or retired while the object was looked at. To try again would not bring it back.
    if (!(error instanceof IntermediateGone || error instanceof KekRetired)) throw error;
    return refused('kek_refused', error.message, upload.versionId);
  }
  const detail = `another upload has the id ${upload.id}, or this bucket and object key`;
  return (await findSlot(services, object)) ?? refused('other_upload', detail, upload.versionId);
}

function refused(code: RefusedVersion['code'], detail: string, versionId: string | null): Recovery {
  return { kind: 'refused', refused: [{ code, detail, versionId }] };
}

async function findSlot(services: Services, object: ObjectRecovery): Promise<Recovery | undefined> {
  const { bucket, objectKey, tenants, only } = object;
  for (const id of slotIdsOf(bucket, objectKey)) {
    for (const tenant of tenants) {
      const slot = await services.store.uploads.get(tenant, id);
      if (slot?.bucket !== bucket || slot.objectKey !== objectKey) continue;
      return only === undefined || only === tenant
        ? { kind: 'already', tenant, id }
        : { kind: 'passed_over' };
    }
  }
  return undefined;
}

async function proveAll(
  services: Services,
  { target, bucket, objectKey, versions, tenants, only }: ObjectRecovery,
): Promise<{ proven: ProvenVersion[]; refused: RefusedVersion[] }> {
  const proven: ProvenVersion[] = [];
  const refused: RefusedVersion[] = [];
  for (const version of versions) {
    const { versionId } = version;
    try {
      const found = await proveVersion(services, { target, bucket, objectKey, version, tenants, only });
      if (!found) continue;
      if ('code' in found) refused.push({ ...found, versionId });
      else proven.push(found);
    } catch (error) {
      if (!(error instanceof KekNeeded)) throw error;
      return { proven: [], refused: [...refused, { code: 'kek_refused', detail: error.message, versionId }] };
    }
  }
  return { proven, refused };
}

function asOther({ version, copy }: ProvenVersion): RefusedVersion {
  const detail = `it is of the upload ${copy.slot}, and a newer version is of another`;
  return { code: 'other_upload', detail, versionId: version.versionId };
}

function omitted({ omitted: count }: ObjectRecovery): RefusedVersion[] {
  if (count === 0) return [];
  return [
    { code: 'too_many_versions', detail: `${count} older versions were not looked at`, versionId: null },
  ];
}
