import { SealslotError } from '../errors.ts';

/** S3 has understood a call, and says no. */
abstract class RefusedByS3 extends SealslotError {
  readonly status: number;
  /** S3's own code, such as `AccessDenied`. */
  readonly s3Code: string;

  constructor(status: number, s3Code: string) {
    super(`S3 answered ${status} (${s3Code}).`);
    this.status = status;
    this.s3Code = s3Code;
  }
}

/**
 * Reading or writing an object: it is not there, is under another key, or the right is missing (400, 403, 404 or 412). Or it is too large
 * (200).
 */
export class ObjectRefused extends RefusedByS3 {
  readonly code = 'object_refused';
}

/** Reading or setting the CORS rules of a bucket. */
export class BucketRefused extends RefusedByS3 {
  readonly code = 'bucket_refused';

  /** True of a server on which buckets have no such rules. */
  get isUnsupported(): boolean {
    return this.status === 501 || this.s3Code === 'NotImplemented';
  }
}
