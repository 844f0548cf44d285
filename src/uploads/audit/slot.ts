import { CustomerKey } from '../../custody/customer-key.ts';
import type { StoredKey } from '../../store/port.ts';
import type { Upload } from '../upload.ts';
import type { AuditContext } from './context.ts';
import { examineCopy, isSameWrapping } from './copies.ts';
import { found, isUnknown, orUnknown, placeIn, type AuditFinding, type SlotKeys } from './finding.ts';
import { examineObject } from './object.ts';
import { openSlotKey } from './opening.ts';

/**
 * What is wrong with a slot, its keys and its object. The service may be at work on it: what is found must be found again with the rows
 * as they are then, and the rows must stay so meanwhile.
 */
export async function examineSlot(
  audit: AuditContext,
  unopened: ReadonlySet<string>,
  slot: SlotKeys,
): Promise<readonly AuditFinding[]> {
  const first = await examineOnce(audit, unopened, slot);
  if (first.every(isUnknown)) return first;
  const again = await reread(audit, slot.upload);
  if (again === undefined) return [];
  const second = await examineOnce(audit, unopened, again);
  const after = await reread(audit, slot.upload);
  if (after === undefined || !isSameSlot(again, after)) return [];
  return second.filter((finding) => isUnknown(finding) || first.some((one) => isSameFinding(one, finding)));
}

async function reread({ services }: AuditContext, { tenant, id }: Upload): Promise<SlotKeys | undefined> {
  const upload = await services.store.uploads.get(tenant, id);
  return upload && { upload, keys: await services.store.keys.all(id) };
}

function isSameSlot(one: SlotKeys, other: SlotKeys): boolean {
  const row = ({ upload: { state, generation, nextGeneration, etag, versionId } }: SlotKeys) =>
    JSON.stringify([state, generation, nextGeneration, etag, versionId]);
  return (
    row(one) === row(other) &&
    one.keys.length === other.keys.length &&
    one.keys.every((key, i) => {
      const same = other.keys[i];
      return key.generation === same?.generation && isSameWrapping(key.wrapped, same.wrapped);
    })
  );
}

const isSameFinding = (one: AuditFinding, other: AuditFinding): boolean =>
  one.code === other.code && one.generation === other.generation;

async function examineOnce(
  audit: AuditContext,
  unopened: ReadonlySet<string>,
  { upload, keys }: SlotKeys,
): Promise<readonly AuditFinding[]> {
  // What is being removed needs its key no more.
  if (upload.state === 'deleting' || upload.state === 'deleted') return [];
  const findings: AuditFinding[] = [];
  for (const stored of keys) {
    const at = placeIn(upload, stored);
    const look = () => examineKey(audit, unopened, upload, stored);
    findings.push(...(await orUnknown(at, look)));
  }
  return findings;
}

async function examineKey(
  audit: AuditContext,
  unopened: ReadonlySet<string>,
  upload: Upload,
  stored: StoredKey,
): Promise<readonly AuditFinding[]> {
  const key = await openSlotKey(audit, unopened, upload, stored);
  if (!(key instanceof CustomerKey)) return key;
  const isCurrent = stored.generation === upload.generation;
  // Of the others there may be an object, and nothing is known of it: not come, rejected, or of a re-key under way.
  if (upload.state !== 'uploaded' || stored.generation === upload.nextGeneration) return [];
  // Without versions the object of before a re-key was written over.
  const isReplaced = stored.versionId === null || stored.versionId === upload.versionId;
  if (!isCurrent && isReplaced) return [];

  const at = placeIn(upload, stored);
  const target = audit.services.targets.get(upload.target);
  if (target === undefined)
    return [found('target_not_configured', at, `S3 target ${JSON.stringify(upload.target)}`)];
  const { bucket, objectKey } = upload;
  const versionId = isCurrent ? upload.versionId : stored.versionId;
  const asked = { objects: target.objects, bucket, objectKey, versionId };
  const findings = (
    await orUnknown(at, () => examineObject(asked, key, at, isCurrent ? upload : undefined))
  ).map((finding) => (isBeingReplaced(upload, finding) ? found('unknown', at, UNDER_WAY) : finding));
  // An object that was written over has other tags too, and an S3 that does not answer shows none: that is said already.
  const isRight = findings.length === 0;
  if (isCurrent && isRight && audit.services.config.custody.recovery !== undefined) {
    const look = () => examineCopy(audit, target.tags, { upload, stored, key });
    findings.push(...(await orUnknown(at, look)));
  }
  return findings;
}

const UNDER_WAY =
  'a re-key is under way, which may have written the object anew; ask again when it has ended';

/** Without versions a re-key writes the object over before its slot says so. */
function isBeingReplaced({ nextGeneration, versionId }: Upload, { code }: AuditFinding): boolean {
  return nextGeneration !== null && versionId === null && code === 'object_under_another_key';
}
