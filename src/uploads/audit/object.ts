import type { CustomerKey } from '../../custody/customer-key.ts';
import type { HeadResult, ObjectFacts, ObjectStore } from '../../s3/port.ts';
import type { Upload } from '../upload.ts';
import { isUnder } from '../verify.ts';
import { found, type AuditFinding, type Place } from './finding.ts';

/** An object version that a key is to open. */
export interface Asked {
  readonly objects: ObjectStore;
  readonly bucket: string;
  readonly objectKey: string;
  /** The newest unless given. */
  readonly versionId: string | null;
}

export function headOf(asked: Asked, key: CustomerKey | undefined): Promise<HeadResult> {
  return asked.objects.head(asked.bucket, asked.objectKey, key, asked.versionId ?? undefined);
}

/** Whether S3 has the version, under this key. Says nothing where all is right. */
export async function examineObject(
  asked: Asked,
  key: CustomerKey,
  at: Place,
  expected: Pick<Upload, 'size' | 'etag'> | undefined,
): Promise<readonly AuditFinding[]> {
  const answer = await headOf(asked, key);
  if (answer.kind === 'absent') {
    const code = expected === undefined ? 'superseded_version_absent' : 'object_absent';
    return [found(code, at, 'S3 answers 404')];
  }
  if (answer.kind === 'found') return compareFacts(answer.object, key, at, expected);
  const { status, code } = answer;
  if (status === 400 || status === 403) return [await refused(asked, status, at)];
  return [found('unknown', at, `S3 answered ${status} (${code})`)];
}

function compareFacts(
  object: ObjectFacts,
  key: CustomerKey,
  at: Place,
  expected: Pick<Upload, 'size' | 'etag'> | undefined,
): AuditFinding[] {
  if (!isUnder(object, key))
    return [found('not_encrypted', at, 'S3 finds the object, and names no SSE-C under this key')];
  if (expected === undefined) return [];
  const findings: AuditFinding[] = [];
  if (object.size !== expected.size) {
    findings.push(found('size_differs', at, `${expected.size} bytes were verified, S3 has ${object.size}`));
  }
  if (expected.etag !== null && object.etag !== expected.etag) {
    findings.push(
      found('etag_differs', at, `${expected.etag} was verified, S3 has ${object.etag ?? 'none'}`),
    );
  }
  return findings;
}

/** Asked without a key, S3 shows plain text; and of an object under SSE-C it says 400 to those who may read it. */
async function refused(asked: Asked, status: number, at: Place): Promise<AuditFinding> {
  const plain = await headOf(asked, undefined);
  if (plain.kind === 'found' && plain.object.sseCustomerAlgorithm === null) {
    return found('not_encrypted', at, 'S3 shows the object without a key');
  }
  const mayRead = plain.kind === 'unknown' && plain.status === 400;
  const why = mayRead
    ? 'asked without a key it answers 400, so the right to read seems to be there'
    : 'it may be that the right to read is missing';
  return found('object_under_another_key', at, `S3 answers ${status} to the key of the slot; ${why}`);
}
