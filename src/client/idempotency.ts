import { createHash } from 'node:crypto';
import type { UploadAsk } from './model.ts';

/**
 * The same file to the same service in the same attempt has the same key, whichever process asks: so a command that is run again finds
 * the slots of the one that was killed.
 * @param endpoint of the service, without a slash at its end.
 * @param realPath absolute, symbolic links resolved.
 * @param attempt counts the slots for this very ask that came to nothing: deleted, rejected, expired.
 * @returns base64url of a SHA-256: no path or hash can be read from it.
 */
export function idempotencyKey(endpoint: string, realPath: string, ask: UploadAsk, attempt: number): string {
  const { filename = null, contentType, size, sha256 = null } = ask;
  const facts = JSON.stringify([endpoint, realPath, { filename, contentType, size, sha256 }, attempt]);
  return createHash('sha256').update(facts).digest('base64url');
}
