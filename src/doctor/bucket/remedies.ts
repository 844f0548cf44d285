// What an operator types or grants, told in one way by all that looks at a bucket.
import type { Asker } from '../ask.ts';

const UNBLOCKED =
  '{"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]}';

/** Since April 2026 AWS blocks SSE-C on new buckets, and on all of accounts that had none. */
export function unblockSse(asker: Asker): string {
  return (
    'allow SSE-C, which AWS blocks on new buckets since April 2026:\n' +
    asker.s3api('put-bucket-encryption', `--server-side-encryption-configuration '${UNBLOCKED}'`)
  );
}

/** An action that works on the bucket itself. */
export function grantOnBucket(bucket: string, action: string): string {
  return `grant ${action} on arn:aws:s3:::${bucket} to the service's S3 credentials`;
}

/** Actions that work on objects. */
export function grantOnObjects(bucket: string, ...actions: readonly string[]): string {
  return `grant ${actions.join(' and ')} on arn:aws:s3:::${bucket}/* to the service's S3 credentials`;
}
