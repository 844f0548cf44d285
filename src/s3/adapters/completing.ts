import {
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { CustomerKey } from '../../custody/customer-key.ts';
import type { Completion, ListedPart, MultipartUpload } from '../port.ts';
import { unproven } from './object-failure.ts';
import { checksumParameter, sseParameters, uploadParameters } from './parameters.ts';
import { sdkFailure } from './sdk-error.ts';

/**
 * @param client that asks once.
 * @throws what the SDK throws, unless S3 says clearly what is wrong with the upload.
 */
export async function completeUpload(
  client: S3Client,
  upload: MultipartUpload,
  key: CustomerKey,
  parts: readonly ListedPart[],
  checksum: ListedPart['checksum'],
): Promise<Completion> {
  try {
    const answer = await client.send(
      new CompleteMultipartUploadCommand(completeInput(upload, key, parts, checksum)),
    );
    if (answer.ETag === undefined) throw unproven('that the object is whole');
    return { kind: 'done' };
  } catch (error) {
    const refusal = completionOf(error);
    if (refusal === undefined) throw error;
    return refusal;
  }
}

function completeInput(
  upload: MultipartUpload,
  key: CustomerKey,
  parts: readonly ListedPart[],
  checksum: ListedPart['checksum'],
): CompleteMultipartUploadCommandInput {
  return {
    ...uploadParameters(upload),
    ...sseParameters(key),
    IfNoneMatch: '*',
    ...(checksum && { ...checksumParameter(checksum), ChecksumType: 'FULL_OBJECT' }),
    MultipartUpload: {
      Parts: parts.map((part) => ({
        PartNumber: part.partNumber,
        ETag: part.etag,
        // MinIO takes a part with a checksum only together with it.
        ...(part.checksum && checksumParameter(part.checksum)),
      })),
    },
  };
}

/** Codes by which S3 speaks of the parts or of the checksum of the whole. Any other 400 may be of the transfer or of our credentials. */
const REFUSALS = new Set([
  'BadDigest',
  'EntityTooLarge',
  'EntityTooSmall',
  'InvalidDigest',
  'InvalidPart',
  'InvalidPartOrder',
  'InvalidRequest',
  'XAmzContentChecksumMismatch',
]);

/** By its code where it can be: of an error in the body of a 200, the SDK says that its status was 503. */
function completionOf(error: unknown): Completion | undefined {
  const { status, code } = sdkFailure(error);
  if (code === 'NoSuchUpload') return { kind: 'gone' };
  if (status === 412 || code === 'PreconditionFailed') return { kind: 'exists' };
  // The one 409 that goes by itself is that of another request at the same time.
  if (code === 'ConditionalRequestConflict' || (status === 409 && code !== 'OperationAborted')) {
    return { kind: 'conflict' };
  }
  return REFUSALS.has(code) ? { kind: 'refused', code } : undefined;
}
