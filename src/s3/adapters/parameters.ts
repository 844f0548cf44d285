import type { CustomerKey } from '../../custody/customer-key.ts';
import { encodeRfc3986 } from '../object-url.ts';
import type { ListedPart, MultipartUpload, ObjectHeaders, ObjectVersion } from '../port.ts';

// Objects and keys as the SDK's commands name them.

export function placeParameters({ bucket, objectKey }: ObjectVersion) {
  return { Bucket: bucket, Key: objectKey };
}

export function versionParameters(object: ObjectVersion) {
  const { versionId } = object;
  return { ...placeParameters(object), ...(versionId !== null && { VersionId: versionId }) };
}

export function uploadParameters({ bucket, objectKey, uploadId }: MultipartUpload) {
  return { Bucket: bucket, Key: objectKey, UploadId: uploadId };
}

export function checksumParameter({ algorithm, value }: NonNullable<ListedPart['checksum']>) {
  return algorithm === 'CRC32C' ? { ChecksumCRC32C: value } : { ChecksumCRC64NVME: value };
}

export function sseParameters(key: CustomerKey) {
  const headers = key.headers();
  return {
    SSECustomerAlgorithm: headers['x-amz-server-side-encryption-customer-algorithm'],
    SSECustomerKey: headers['x-amz-server-side-encryption-customer-key'],
    SSECustomerKeyMD5: headers['x-amz-server-side-encryption-customer-key-md5'],
  };
}

/** MinIO writes garbage over an object with versions when the source does not say which. */
export function copySourceParameters(
  { bucket, objectKey, versionId, etag }: ObjectVersion & { etag: string },
  key: CustomerKey,
) {
  const sse = sseParameters(key);
  const path = [bucket, ...objectKey.split('/')].map(encodeRfc3986).join('/');
  return {
    CopySource: versionId === null ? path : `${path}?versionId=${encodeRfc3986(versionId)}`,
    CopySourceIfMatch: etag,
    CopySourceSSECustomerAlgorithm: sse.SSECustomerAlgorithm,
    CopySourceSSECustomerKey: sse.SSECustomerKey,
    CopySourceSSECustomerKeyMD5: sse.SSECustomerKeyMD5,
  };
}

export function headerParameters({ contentType, metadata, tags }: ObjectHeaders) {
  return {
    ContentType: contentType,
    Metadata: { ...metadata },
    Tagging: Object.entries(tags)
      .map(([name, value]) => `${encodeRfc3986(name)}=${encodeRfc3986(value)}`)
      .join('&'),
  };
}
