import { createHash } from 'node:crypto';
import { lengthPrefixed } from '../custody/context.ts';

/**
 * The slot's id of an imported object: a UUIDv7 of time 0, so that lists show such slots as the oldest. Its 74 free bits are the first of
 * SHA-256 over bucket and object key, each behind its length. Changing this would adopt everything a second time. The target is left out:
 * one S3 may have several names and addresses, and get others.
 */
export function adoptedId(bucket: string, objectKey: string): string {
  const name = lengthPrefixed(bucket, objectKey);
  const bits = BigInt(`0x${createHash('sha256').update(name).digest('hex')}`) >> (256n - 74n);
  const a = (0x7000n | (bits >> 62n)).toString(16);
  const b = ((2n << 62n) | (bits & ((1n << 62n) - 1n))).toString(16);
  return `00000000-0000-${a}-${b.slice(0, 4)}-${b.slice(4)}`;
}

/** An object of the service's own has its slot's id in its object key (invariant 4). */
export function idsIn(objectKey: string): string[] {
  return objectKey.match(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g) ?? [];
}

/** The other ids that the slot of an object may have. */
export function kinOf({
  id,
  bucket,
  objectKey,
}: {
  id: string;
  bucket: string;
  objectKey: string;
}): string[] {
  return slotIdsOf(bucket, objectKey).filter((other) => other !== id);
}

/** The ids that the slot of an object may have. */
export function slotIdsOf(bucket: string, objectKey: string): string[] {
  // A name that is no Unicode text was never adopted.
  const adopted = objectKey.isWellFormed() ? [adoptedId(bucket, objectKey)] : [];
  return [...new Set([...idsIn(objectKey), ...adopted])];
}
