import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { CustomerKey } from '../../custody/customer-key.ts';
import { DependencyUnavailable } from '../../errors.ts';
import type { ChecksumAlgorithm, MultipartUpload, MultipartUploads, ObjectHeaders } from '../port.ts';
import { completeUpload } from './completing.ts';
import type { ContentClients } from './content-clients.ts';
import { allParts, listParts } from './listed-parts.ts';
import { unproven } from './object-failure.ts';
import { onceSaid } from './object-facts.ts';
import { headerParameters, sseParameters, uploadParameters } from './parameters.ts';
import { sdkFailure } from './sdk-error.ts';

export function sdkMultipartUploads(clients: Pick<ContentClients, 'calls' | 'committing'>): MultipartUploads {
  return {
    begin: (object, key, headers, checksum) =>
      clearly(() => begin(clients.calls, object, key, headers, checksum)),
    parts: (upload, key) => clearly(() => listParts(clients.calls, upload, key)),
    complete: (upload, key, parts, checksum) =>
      clearly(() => completeUpload(clients.committing, upload, key, parts, checksum)),
    abort: (upload) => clearly(() => abortUntilEmpty(clients.calls, upload)),
  };
}

async function clearly<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw error instanceof DependencyUnavailable ? error : new DependencyUnavailable('s3', sdkFailure(error));
  }
}

async function begin(
  client: S3Client,
  object: { bucket: string; objectKey: string },
  key: CustomerKey,
  headers: ObjectHeaders,
  checksum: ChecksumAlgorithm | undefined,
): Promise<string> {
  const place = { Bucket: object.bucket, Key: object.objectKey };
  const answer = await client.send(
    new CreateMultipartUploadCommand({
      ...place,
      ...headerParameters(headers),
      ...sseParameters(key),
      ...(checksum && { ChecksumAlgorithm: checksum, ChecksumType: 'FULL_OBJECT' }),
    }),
  );
  const { UploadId } = answer;
  if (UploadId === undefined) throw unproven('the id of the upload');
  const contradiction = contradictionIn(answer, key, checksum);
  if (contradiction !== undefined) {
    // Nobody learns its id; what is left nevertheless is found by its listing.
    await client.send(new AbortMultipartUploadCommand({ ...place, UploadId })).catch(() => undefined);
    throw unproven(contradiction);
  }
  return UploadId;
}

/**
 * AWS names the key here. MinIO and SeaweedFS say nothing of it before the first part, so silence proves neither: that the object is
 * under this key, and what its checksum is, must come from HEAD. An answer that names another key is believed at once.
 */
function contradictionIn(
  answer: CreateMultipartUploadCommandOutput,
  key: CustomerKey,
  checksum: ChecksumAlgorithm | undefined,
): string | undefined {
  const said = [onceSaid(answer.SSECustomerAlgorithm), onceSaid(answer.SSECustomerKeyMD5)];
  const silent = said.every((value) => value === null);
  if (!silent && (said[0] !== 'AES256' || said[1] !== key.md5())) {
    return 'that the upload is under this customer key';
  }
  const { ChecksumAlgorithm: algorithm = checksum, ChecksumType: type = 'FULL_OBJECT' } = answer;
  return checksum !== undefined && (algorithm !== checksum || type !== 'FULL_OBJECT')
    ? 'that it will check the whole object'
    : undefined;
}

const MOST_ABORTS = 5;

/** S3 answers well, but another part has landed after each abort. */
export class PartsLeft extends Error {}

/**
 * A part that was under way may land after an abort, so S3's list of parts has the last word.
 * @throws what the SDK throws, and `PartsLeft`.
 */
export async function abortUntilEmpty(client: S3Client, upload: MultipartUpload): Promise<void> {
  for (let count = 1; count <= MOST_ABORTS; count += 1) {
    await abortOnce(client, upload);
    const parts = await allParts(client, upload, undefined);
    if (parts === undefined || parts.length === 0) return;
  }
  throw new PartsLeft(`S3 lists parts of the upload after ${MOST_ABORTS} aborts`);
}

async function abortOnce(client: S3Client, upload: MultipartUpload): Promise<void> {
  try {
    await client.send(new AbortMultipartUploadCommand(uploadParameters(upload)));
  } catch (error) {
    if (sdkFailure(error).code !== 'NoSuchUpload') throw error;
  }
}
