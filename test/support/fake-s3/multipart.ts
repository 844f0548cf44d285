import type { CustomerKey } from '../../../src/custody/customer-key.ts';
import type {
  ChecksumAlgorithm,
  Completion,
  ListedPart,
  MultipartUpload,
  MultipartUploads,
  ObjectHeaders,
} from '../../../src/s3/port.ts';
import type { FakeObjectStore } from '../fake-s3.ts';

/** An unfinished upload. */
export interface FakeUpload {
  readonly bucket: string;
  readonly objectKey: string;
  readonly key: CustomerKey;
  readonly headers: ObjectHeaders;
  readonly checksum: ChecksumAlgorithm | undefined;
  /** By number. */
  readonly parts: Map<number, FakePart>;
  /** What S3 itself computes of the whole, base64; any announced one is right unless given. */
  whole: string | undefined;
}

export interface FakePart extends ListedPart {
  /** Zeros of its size unless given. */
  readonly bytes?: Uint8Array | undefined;
}

/** Uploads that clients' parts are put into by `FakeObjectStore.putPart`. As on real servers, completing looks for an object before it looks for the upload. */
export function fakeMultipart(s3: FakeObjectStore): MultipartUploads {
  return {
    begin: (object, key, headers, checksum) =>
      s3.called('beginMultipart', object, () => {
        const { bucket, objectKey } = object;
        s3.begun += 1;
        const uploadId = `upload-${s3.begun}`;
        const parts = new Map<number, FakePart>();
        s3.uploads.set(uploadId, { bucket, objectKey, key, headers, checksum, parts, whole: undefined });
        s3.unfinished.set(objectKey, [...(s3.unfinished.get(objectKey) ?? []), uploadId]);
        return uploadId;
      }),
    parts: (upload) =>
      s3.called('listParts', upload, () => {
        const found = find(s3, upload);
        return found && listed(found);
      }),
    complete: (upload, _key, parts, checksum) =>
      s3.called('completeMultipart', upload, () => complete(s3, upload, parts, checksum)),
    abort: (upload) =>
      s3.called('abortMultipart', upload, () => s3.forget(upload.objectKey, upload.uploadId)),
  };
}

function find(s3: FakeObjectStore, { bucket, objectKey, uploadId }: MultipartUpload): FakeUpload | undefined {
  const found = s3.uploads.get(uploadId);
  return found?.bucket === bucket && found.objectKey === objectKey ? found : undefined;
}

function listed({ parts }: FakeUpload): ListedPart[] {
  return [...parts.values()]
    .map(({ partNumber, size, etag, checksum }) => ({
      partNumber,
      size,
      etag,
      ...(checksum && { checksum }),
    }))
    .toSorted((a, b) => a.partNumber - b.partNumber);
}

function complete(
  s3: FakeObjectStore,
  place: MultipartUpload,
  parts: readonly ListedPart[],
  checksum: ListedPart['checksum'],
): Completion {
  const { bucket, objectKey, uploadId } = place;
  if (s3.shelf.find({ bucket, objectKey, versionId: null })) return { kind: 'exists' };
  const upload = find(s3, place);
  if (upload === undefined) return { kind: 'gone' };
  if (parts.length === 0) return { kind: 'refused', code: 'InvalidRequest' };
  const chosen = parts.flatMap((part) => {
    const found = upload.parts.get(part.partNumber);
    return found?.etag === part.etag && found.checksum?.value === part.checksum?.value ? [found] : [];
  });
  if (chosen.length < parts.length) return { kind: 'refused', code: 'InvalidPart' };
  if (checksum && upload.whole !== undefined && upload.whole !== checksum.value) {
    return { kind: 'refused', code: 'BadDigest' };
  }
  const { contentType, metadata, tags } = upload.headers;
  const facts = {
    size: chosen.reduce((sum, { size }) => sum + size, 0),
    etag: `"${uploadId}-${chosen.length}"`,
    sha256: null,
    crc32c: checksum?.algorithm === 'CRC32C' ? checksum.value : null,
    crc64nvme: checksum?.algorithm === 'CRC64NVME' ? checksum.value : null,
    contentType,
    metadata,
  };
  const bytes = chosen.some((part) => part.bytes)
    ? Buffer.concat(chosen.map((part) => part.bytes ?? Buffer.alloc(part.size)))
    : undefined;
  s3.put(objectKey, upload.key, facts, { bucket, tags, bytes });
  s3.forget(objectKey, uploadId);
  return { kind: 'done' };
}
