import { createHash } from 'node:crypto';
import type { UploadAsk } from '../model.ts';

/**
 * The same file to the same service in the same attempt has the same key, whichever process asks: so a command that is run again finds
 * the slots of the one that was killed.
 * @param endpoint of the service, without a slash at its end.
 * @param identity of the source: an absolute path with symbolic links resolved, or what the caller chose in its place.
 * @param attempt counts the slots for this very ask that came to nothing: deleted, rejected, expired.
 * @param content base64 of the SHA-256 of the body, where the ask does not announce it.
 * @returns base64url of a SHA-256: no path or hash can be read from it.
 */
export function idempotencyKey(
  endpoint: string,
  identity: string,
  ask: UploadAsk,
  attempt: number,
  content?: string,
): string {
  const { filename = null, contentType, size, sha256 = null, method, partSize, metadata } = ask;
  // What stands in few asks is left out of the others, whose keys stay what they were.
  const more = {
    ...(method !== undefined && { method }),
    ...(partSize !== undefined && { partSize }),
    ...(metadata !== undefined && {
      metadata: Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)),
    }),
    ...(sha256 === null && content !== undefined && { content }),
  };
  const facts = JSON.stringify([
    endpoint,
    identity,
    { filename, contentType, size, sha256, ...more },
    attempt,
  ]);
  return createHash('sha256').update(facts).digest('base64url');
}
