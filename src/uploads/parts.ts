import type { Principal } from '../access/principal.ts';
import type { CustomerKey } from '../custody/customer-key.ts';
import { InvalidRequest, RestartNeeded, StateConflict, type FieldError } from '../errors.ts';
import type { ChecksumAlgorithm, ListedPart, MultipartUpload } from '../s3/port.ts';
import { customerKeyOf } from './customer-key-of.ts';
import { partCountOf, sizeOfPart } from './part-sizes.ts';
import { tagsOf } from './recovery.ts';
import { changedMeanwhile, requireIssued, urlLifeOf } from './reissue.ts';
import { targetOf, type Services } from './services.ts';
import type { Upload } from './upload.ts';

export interface PartsAsk {
  /** From 1 to the slot's part count, no two the same. */
  readonly partNumbers: readonly number[];
  /** base64, by part number, of the kind that was announced for the whole. */
  readonly checksums?: Readonly<Record<string, string>>;
}

/** One presigned UploadPart. */
export interface PartRequest {
  readonly partNumber: number;
  /** Bytes. */
  readonly size: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Requests for parts of the caller's own `issued` slot; each may be asked for and sent again. The first call begins the upload at S3. */
export async function requestParts(
  services: Services,
  principal: Principal,
  upload: Upload,
  ask: PartsAsk,
): Promise<PartRequest[]> {
  requireIssued(services, principal, upload);
  requireMultipart(upload);
  refuseWrongParts(upload, ask);
  const { uploadPresigner } = targetOf(services, upload.target);
  const window = await uploadPresigner.open(urlLifeOf(services, upload), services.now());
  const key = await customerKeyOf(services, upload);
  // Before anything is begun at S3 too: a DELETE waits for what may land there.
  const committed = await services.observer.timed('commit', () =>
    services.store.uploads.extend([upload.id], window.endsAt),
  );
  if (committed.length === 0) throw changedMeanwhile();
  const { uploadId, objectKey, bucket } = await begun(services, upload, key);
  const algorithm = announcedAlgorithm(upload);
  return services.observer.timed('sign', async () =>
    ask.partNumbers.map((partNumber) => {
      const size = sizeOfPart(upload, partNumber);
      const checksum = ask.checksums?.[partNumber];
      const headers = {
        ...key.headers(),
        ...(checksum !== undefined && { [`x-amz-checksum-${algorithm?.toLowerCase()}`]: checksum }),
      };
      const url = window.sign({
        method: 'PUT',
        bucket,
        objectKey,
        headers: { ...headers, 'content-length': String(size) },
        query: { partNumber: String(partNumber), uploadId },
      });
      return { partNumber, size, url, headers, expiresAt: window.expiresAt };
    }),
  );
}

/** What S3 has of the slot's parts, by number. */
export async function listParts(services: Services, upload: Upload): Promise<ListedPart[]> {
  requireMultipart(upload);
  const { state, forgottenAt } = upload;
  if ((state !== 'issued' && state !== 'expired') || forgottenAt !== null) {
    throw new StateConflict(`The upload is ${state}; its parts are listed no more.`, { extra: { state } });
  }
  const begun = multipartUploadOf(upload);
  if (begun === undefined) return [];
  const key = await customerKeyOf(services, upload);
  const parts = await services.observer.timed('s3', () =>
    targetOf(services, upload.target).multipart.parts(begun, key),
  );
  if (parts === undefined) {
    throw new RestartNeeded(
      'S3 has no such multipart upload any more: call complete, which tells whether the object is there.',
    );
  }
  return parts;
}

function requireMultipart({ method }: Upload): void {
  if (method === 'multipart') return;
  throw new StateConflict(`The upload's method is ${method}, so it has no parts.`, { extra: { method } });
}

function refuseWrongParts(upload: Upload, { partNumbers, checksums = {} }: PartsAsk): void {
  const count = partCountOf(upload);
  const errors: FieldError[] = [];
  for (const [index, partNumber] of partNumbers.entries()) {
    if (partNumber > count)
      errors.push({ path: `/partNumbers/${index}`, message: `must be at most ${count}` });
  }
  for (const partNumber of Object.keys(checksums)) {
    if (!partNumbers.includes(Number(partNumber)))
      errors.push({ path: `/checksums/${partNumber}`, message: 'must be of one of the partNumbers' });
  }
  const isChecked = announcedAlgorithm(upload) !== undefined;
  if (!isChecked && Object.keys(checksums).length > 0)
    errors.push({ path: '/checksums', message: 'needs crc32c or crc64nvme announced with the upload' });
  // Where the whole is checked, some servers take no part without a checksum of its own.
  if (isChecked) {
    for (const partNumber of partNumbers.filter((number) => checksums[number] === undefined))
      errors.push({
        path: `/checksums/${partNumber}`,
        message: 'is required: a checksum of the whole was announced',
      });
  }
  if (errors.length > 0) throw new InvalidRequest(errors);
}

export function announcedAlgorithm(upload: Upload): ChecksumAlgorithm | undefined {
  if (upload.crc64nvme !== null) return 'CRC64NVME';
  return upload.crc32c === null ? undefined : 'CRC32C';
}

/** @returns undefined before the first part was asked for. */
export function multipartUploadOf(upload: Upload): MultipartUpload | undefined {
  const { bucket, objectKey, multipartUploadId: uploadId } = upload;
  return uploadId === null ? undefined : { bucket, objectKey, uploadId };
}

/** Begins the upload at S3 unless it has begun. Of two callers at once one wins; what the other began is aborted. */
async function begun(services: Services, upload: Upload, key: CustomerKey): Promise<MultipartUpload> {
  const known = multipartUploadOf(upload);
  if (known !== undefined) return known;
  const { multipart } = targetOf(services, upload.target);
  const { bucket, objectKey, contentType, metadata } = upload;
  const headers = { contentType, metadata, tags: await tagsOf(services, upload) };
  const uploadId = await services.observer.timed('s3', () =>
    multipart.begin({ bucket, objectKey }, key, headers, announcedAlgorithm(upload)),
  );
  const mine = { bucket, objectKey, uploadId };
  const committed = await services.store.uploads.update(
    upload.id,
    ['issued'],
    { multipartUploadId: uploadId },
    { multipartUploadId: null },
  );
  if (committed !== undefined) return mine;
  // No URL of it was handed out, so nothing can land in it; what is left where this fails, DELETE and the job find.
  await multipart.abort(mine).catch(() => undefined);
  const now = await services.store.uploads.get(upload.tenant, upload.id);
  const winner = now?.state === 'issued' ? multipartUploadOf(now) : undefined;
  if (winner === undefined) throw changedMeanwhile();
  return winner;
}
