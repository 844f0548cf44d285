import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { CustomerKey } from '../../custody/customer-key.ts';
import { DependencyUnavailable } from '../../errors.ts';
import { ObjectRefused } from '../errors.ts';
import type { ObjectVersion, Written } from '../port.ts';
import { onceSaid } from './object-facts.ts';
import { unproven } from './object-failure.ts';
import { sseParameters, versionParameters } from './parameters.ts';
import { sdkFailure } from './sdk-error.ts';

/** The version to be written anew, pinned: whatever is put meanwhile, this is what is read. */
export interface Source extends ObjectVersion {
  readonly size: number;
  readonly etag: string;
  /** What a copy with new metadata would lose. */
  readonly kept: KeptHeaders;
}

interface KeptHeaders {
  readonly CacheControl?: string;
  readonly ContentDisposition?: string;
  readonly ContentEncoding?: string;
  readonly ContentLanguage?: string;
  readonly StorageClass?: NonNullable<Awaited<ReturnType<typeof headOf>>['StorageClass']>;
}

/** Proves by a HEAD that the key opens the object, and that it is still the one meant. */
export async function sourceOf(
  client: S3Client,
  from: ObjectVersion & { size: number; etag: string | null },
  key: CustomerKey,
  signal: AbortSignal,
): Promise<Source> {
  const answer = await headOf(client, from, key, signal);
  const { ContentLength: size, ETag: etag } = answer;
  if (size === undefined || etag === undefined) throw unproven('the size and ETag of the object');
  if (size !== from.size || (from.etag !== null && from.etag !== etag)) {
    throw new ObjectRefused(412, 'PreconditionFailed');
  }
  const { CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, StorageClass } = answer;
  return {
    bucket: from.bucket,
    objectKey: from.objectKey,
    versionId: from.versionId ?? answer.VersionId ?? null,
    size,
    etag,
    kept: {
      ...(CacheControl !== undefined && { CacheControl }),
      ...(ContentDisposition !== undefined && { ContentDisposition }),
      ...(ContentEncoding !== undefined && { ContentEncoding }),
      ...(ContentLanguage !== undefined && { ContentLanguage }),
      ...(StorageClass !== undefined && { StorageClass }),
    },
  };
}

/**
 * Proves that what was written is under the new key, and whole: MinIO and SeaweedFS name no key in their answers to copies, and a server
 * that does not know SSE-C could have stored plain text.
 */
export async function proveWritten(
  client: S3Client,
  source: Source,
  written: Written,
  key: CustomerKey,
  signal: AbortSignal,
): Promise<Written> {
  const object = { ...source, versionId: written.versionId };
  const answer = await headOf(client, object, key, signal).catch((error: unknown) => {
    throw signal.aborted ? error : new DependencyUnavailable('s3', sdkFailure(error));
  });
  const named = answer.SSECustomerAlgorithm !== undefined && onceSaid(answer.SSECustomerKeyMD5);
  if (named !== key.md5()) throw unproven('that the object is under the new key');
  if (answer.ContentLength !== source.size) throw unproven('that the object has its size');
  // SeaweedFS leaves out the quotes in its answers to copies.
  return { ...written, etag: answer.ETag ?? written.etag };
}

function headOf(client: S3Client, from: ObjectVersion, key: CustomerKey, signal: AbortSignal) {
  const command = new HeadObjectCommand({ ...versionParameters(from), ...sseParameters(key) });
  return client.send(command, { abortSignal: signal });
}
