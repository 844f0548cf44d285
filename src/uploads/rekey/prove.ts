import { createHash } from 'node:crypto';
import type { CustomerKey } from '../../custody/customer-key.ts';
import { ObjectRefused } from '../../s3/errors.ts';
import type { ObjectContent, ObjectVersion } from '../../s3/port.ts';

export interface Contents {
  /** Bytes. */
  readonly size: number;
  /** base64. */
  readonly sha256: string;
}

/**
 * Reads all of one version.
 * @returns undefined when S3 refuses it, or its body breaks off: it cannot be read by this key.
 * @throws DependencyUnavailable when S3 does not begin to answer; the signal's reason.
 */
export async function readWhole(
  content: ObjectContent,
  version: ObjectVersion,
  key: CustomerKey,
  signal: AbortSignal,
): Promise<Contents | undefined> {
  const body = await content.read(version, key, signal).catch((error: unknown) => {
    if (error instanceof ObjectRefused) return undefined;
    throw error;
  });
  if (body === undefined) return undefined;
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of body) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  return { size, sha256: hash.digest('base64') };
}
