import type { CustomerKey } from '../../custody/customer-key.ts';
import { withCopy } from '../../custody/recovery-copy.ts';
import { DependencyUnavailable, KeyUnusable } from '../../errors.ts';
import type { HeadResult, ObjectFacts, ObjectVersion } from '../../s3/port.ts';
import { customerKeyOf } from '../customer-key-of.ts';
import { copyTags } from '../recovery.ts';
import { targetOf, type Services } from '../services.ts';
import type { Upload } from '../upload.ts';
import { isUnder } from '../verify.ts';
import { RekeyFailed } from './errors.ts';

/** One object on its way from one customer key to another. */
export interface Move {
  readonly services: Services;
  readonly upload: Upload;
  readonly generation: number;
  readonly keys: { readonly from: CustomerKey; readonly to: CustomerKey };
  readonly signal: AbortSignal;
}

export type Source = ObjectVersion & { readonly size: number; readonly etag: string | null };

export async function openMove(
  services: Services,
  upload: Upload,
  generation: number,
  signal: AbortSignal,
): Promise<Move> {
  const from = await customerKeyOf(services, upload);
  const to = await customerKeyOf(services, { ...upload, generation });
  return { services, upload, generation, keys: { from, to }, signal };
}

/** The object under the new key, when it has been written already. */
export async function findWritten(move: Move, versionId?: string): Promise<ObjectFacts | undefined> {
  const { services, upload, keys } = move;
  const { objects } = targetOf(services, upload.target);
  return underKey(await objects.head(upload.bucket, upload.objectKey, keys.to, versionId), keys.to);
}

/** The version that the slot names, as it lies there under the old key. */
export async function findSource(move: Move): Promise<Source> {
  const { services, upload, keys } = move;
  const { bucket, objectKey } = upload;
  const { objects } = targetOf(services, upload.target);
  const head = await objects.head(bucket, objectKey, keys.from, upload.versionId ?? undefined);
  const object = underKey(head, keys.from);
  if (object === undefined) throw new RekeyFailed('S3 does not find the object under the key it had.');
  if (object.size !== upload.size) throw new RekeyFailed('The object in S3 has another size than the slot.');
  // A bucket may have got versions since: a copy in place must always name its source then.
  return {
    bucket,
    objectKey,
    versionId: upload.versionId ?? object.versionId,
    size: object.size,
    etag: object.etag,
  };
}

/** Writes the object under the new key. @returns it as S3 then shows it. */
export async function write(move: Move, source: Source, by: 'copy' | 'stream'): Promise<ObjectFacts> {
  const { services, upload, keys, signal } = move;
  const { objects, content } = targetOf(services, upload.target);
  const { multipartUploadIds } = await objects.remains(upload.bucket, upload.objectKey);
  if (multipartUploadIds.length > 0) {
    await objects.remove(upload.bucket, upload.objectKey, { versions: [], multipartUploadIds });
  }
  const headers = {
    contentType: upload.contentType,
    metadata: upload.metadata,
    tags: await tagsOf(move, source),
  };
  signal.throwIfAborted();
  const copied = by === 'copy' ? await content.copy(source, keys, headers, signal) : undefined;
  const written = copied?.kind === 'written' ? copied : await content.stream(source, keys, headers, signal);
  const object = await findWritten(move, written.versionId ?? undefined);
  if (object === undefined) throw new RekeyFailed('S3 does not find what it has just written.');
  return object;
}

/** The tags that others gave the object stay (a verdict of a scanner, say); the copy of its key is that of the new one. */
async function tagsOf(
  { services, upload, generation }: Move,
  source: Source,
): Promise<Readonly<Record<string, string>>> {
  const stored = await services.store.keys.get(upload.id, generation);
  if (stored === undefined) throw new KeyUnusable('The new key of this upload has been destroyed.');
  const before = (await targetOf(services, upload.target).tags.get(source)) ?? {};
  return withCopy(before, stored.copy === null ? {} : copyTags(upload, generation, stored.wrapped));
}

/** Removes every version under the new key, and no other. */
export async function removeWritten(move: Move): Promise<void> {
  const { services, upload } = move;
  const { objects } = targetOf(services, upload.target);
  const { versions } = await objects.remains(upload.bucket, upload.objectKey);
  for (const { versionId } of versions) {
    if (versionId === null || versionId === upload.versionId) continue;
    if ((await findWritten(move, versionId)) === undefined) continue;
    await objects.remove(upload.bucket, upload.objectKey, {
      versions: [{ versionId }],
      multipartUploadIds: [],
    });
  }
}

function underKey(head: HeadResult, key: CustomerKey): ObjectFacts | undefined {
  if (head.kind === 'absent') return undefined;
  if (head.kind === 'found') {
    return isUnder(head.object, key) ? head.object : undefined;
  }
  // Under another key, or a delete marker.
  if ([400, 403, 405].includes(head.status)) return undefined;
  throw new DependencyUnavailable('s3', undefined, `S3 answered ${head.status} (${head.code}).`);
}
