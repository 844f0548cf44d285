import { createHash } from 'node:crypto';
import type { CustomerKey } from '../custody/customer-key.ts';
import { DependencyUnavailable, type Mismatch } from '../errors.ts';
import { ObjectRefused } from '../s3/errors.ts';
import type { ObjectContent, ObjectFacts } from '../s3/port.ts';
import { targetOf, type Services } from './services.ts';
import type { Upload } from './upload.ts';

/**
 * S3 checks the SHA-256 of what comes whole, not of what is made of parts: then the object is read once and compared. Constant memory.
 * @param object as S3 showed it; exactly this one is read.
 */
export async function contentMismatches(
  services: Services,
  upload: Upload,
  key: CustomerKey,
  object: ObjectFacts,
): Promise<Mismatch[]> {
  if (upload.method !== 'multipart' || upload.sha256 === null) return [];
  const { bucket, objectKey, sha256 } = upload;
  const hash = createHash('sha256');
  const { content } = targetOf(services, upload.target);
  const place = { bucket, objectKey, versionId: object.versionId, etag: object.etag };
  for await (const chunk of await bodyOf(content, place, key)) hash.update(chunk);
  const actual = hash.digest('base64');
  return actual === sha256 ? [] : [{ field: 'sha256', expected: sha256, actual }];
}

/** @throws DependencyUnavailable for all but the object: nothing is rejected for what was not read. */
async function bodyOf(
  content: ObjectContent,
  object: Parameters<ObjectContent['open']>[0],
  key: CustomerKey,
): Promise<AsyncIterable<Uint8Array>> {
  try {
    const opened = await content.open(object, key, { method: 'GET' }, new AbortController().signal);
    if (opened.status === 200 && opened.body !== undefined) return opened.body;
    throw new DependencyUnavailable('s3', undefined, `S3 answered ${opened.status} in place of the object.`);
  } catch (error) {
    throw error instanceof ObjectRefused ? new DependencyUnavailable('s3', error) : error;
  }
}
