import { CustomerKey } from '../../custody/customer-key.ts';
import type { ListedVersion, ObjectStore } from '../../s3/port.ts';
import type { AuditContext } from './context.ts';
import { found, isUnknown, orUnknown, type AuditFinding, type Place, type SlotKeys } from './finding.ts';
import { isUnder } from '../verify.ts';
import { headOf, type Asked } from './object.ts';
import { openSlotKey } from './opening.ts';
import type { FindOwner } from './owners.ts';

/** One that is at work now has canaries too. */
const OLD_MS = 3_600_000;

/** An object version of a bucket, as it was listed. */
export interface Listed {
  readonly bucket: string;
  readonly objects: ObjectStore;
  readonly version: ListedVersion;
}

export interface ListedContext extends AuditContext {
  readonly unopened: ReadonlySet<string>;
  readonly findOwner: FindOwner;
}

/**
 * Whether a key in the store opens a listed version. A slot is there before its object, but for one that is imported; and an object may
 * go after it was listed. So what is found must be found again, and the version must still be there.
 */
export async function examineListed(audit: ListedContext, listed: Listed): Promise<readonly AuditFinding[]> {
  const { bucket, objects, version } = listed;
  const at: Place = { bucket, objectKey: version.objectKey, versionId: version.versionId };
  if (version.objectKey.startsWith(audit.canaries)) {
    const isOld = audit.services.now() - version.modifiedAt > OLD_MS;
    return isOld ? [found('doctor_leftover', at, 'it is more than an hour old')] : [];
  }
  return orUnknown(at, async () => {
    const first = await examineOnce(audit, listed, at);
    if (first.every(isUnknown)) return first;
    const remains = await objects.remains(bucket, version.objectKey);
    if (!remains.versions.some(({ versionId }) => isSameVersion(versionId, version.versionId))) return [];
    const second = await examineOnce(audit, listed, at);
    return second.filter(({ code }) => first.some((one) => one.code === code));
  });
}

/** Some servers call the only version of a bucket without versions `null`, others do not name it. */
function isSameVersion(one: string | null, other: string | null): boolean {
  return (one ?? 'null') === (other ?? 'null');
}

async function examineOnce(
  audit: ListedContext,
  { bucket, objects, version }: Listed,
  at: Place,
): Promise<readonly AuditFinding[]> {
  const { objectKey, versionId } = version;
  const asked = { objects, bucket, objectKey, versionId: versionId ?? 'null' };
  const owner = await audit.findOwner(bucket, objectKey);
  if (owner === 'elsewhere') return [];
  if (owner === undefined)
    return [found('object_without_key', at, `no slot is of it${await plainly(asked)}`)];
  const { upload, keys } = owner;
  if (audit.tenant !== undefined && upload.tenant !== audit.tenant) return [];
  if (upload.state === 'deleting') return [];
  const here = { ...at, tenant: upload.tenant, slot: upload.id };
  if (keys.length === 0) {
    const detail = `its slot is ${upload.state} and its key is destroyed${await plainly(asked)}`;
    return [found('object_without_key', here, detail)];
  }
  return isExpected(owner, versionId) ? [] : examineExtra(audit, asked, owner, here);
}

/** An object that is not SSE-C's is not one of the service's own. */
async function plainly(asked: Asked): Promise<string> {
  const answer = await headOf(asked, undefined);
  return answer.kind === 'found' && answer.object.sseCustomerAlgorithm === null
    ? '; S3 shows it without a key'
    : '';
}

/** Which version a slot's object is, is known once it is `uploaded`; a re-key under way is about to write another. */
function isExpected({ upload, keys }: SlotKeys, versionId: string | null): boolean {
  if (upload.state !== 'uploaded' || upload.nextGeneration !== null) return true;
  return keys.some((key) => {
    const opens = key.generation === upload.generation ? upload.versionId : key.versionId;
    return isSameVersion(opens, versionId);
  });
}

/** A version that the slot does not name: whoever wrote it, does one of the slot's keys open it? */
async function examineExtra(
  audit: ListedContext,
  asked: Asked,
  { upload, keys }: SlotKeys,
  at: Place,
): Promise<readonly AuditFinding[]> {
  for (const stored of keys) {
    const key = await openSlotKey(audit, audit.unopened, upload, stored);
    if (!(key instanceof CustomerKey)) continue;
    const answer = await headOf(asked, key);
    if (answer.kind === 'absent') return [];
    if (answer.kind === 'found' && isUnder(answer.object, key)) {
      return [found('extra_version', at, `generation ${stored.generation} of the key opens it`)];
    }
    if (answer.kind === 'unknown' && answer.status !== 400 && answer.status !== 403) {
      return [found('unknown', at, `S3 answered ${answer.status} (${answer.code})`)];
    }
  }
  const detail = `its slot names version ${upload.versionId ?? 'null'}, and no key of it opens this one`;
  return [found('object_without_key', at, detail + (await plainly(asked)))];
}
