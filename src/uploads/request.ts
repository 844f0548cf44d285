import type { CustomerKey } from '../custody/customer-key.ts';
import type { UrlWindow } from '../s3/port.ts';
import { partCountOf } from './part-sizes.ts';
import { postRequest, type PostRequest } from './post-request.ts';
import { putRequest, type PutRequest } from './put-request.ts';
import type { Upload } from './upload.ts';

/** How to send the object, by the method that was asked for. */
export type UploadRequest = PutRequest | PostRequest | MultipartRequest;

/** Holds no URL: those are asked for part by part. */
export interface MultipartRequest {
  readonly method: 'multipart';
  /** Bytes, of every part but the last. */
  readonly partSize: number;
  readonly partCount: number;
  /** Until when parts are signed; milliseconds since the epoch. */
  readonly expiresAt: number;
}

export function multipartRequest(upload: Upload): MultipartRequest {
  if (upload.partSize === null) throw new TypeError('this upload has no parts');
  return {
    method: 'multipart',
    partSize: upload.partSize,
    partCount: partCountOf(upload),
    expiresAt: upload.expiresAt,
  };
}

/** @param tags names and values as they are; see `tagsOf`. */
export function signedRequest(
  window: UrlWindow,
  upload: Upload,
  key: CustomerKey,
  tags: Readonly<Record<string, string>>,
): PutRequest | PostRequest {
  return upload.method === 'POST'
    ? postRequest(window, upload, key, tags)
    : putRequest(window, upload, key, tags);
}
