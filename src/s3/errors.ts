import { SealslotError } from '../errors.ts';

/** S3 says no to reading or writing an object: it is not there, is under another key, or the right is missing. Or it is too large. */
export class ObjectRefused extends SealslotError {
  readonly code = 'object_refused';
  /** 400, 403, 404 or 412; 200 of one that is too large. */
  readonly status: number;
  /** S3's own code, such as `NoSuchKey`. */
  readonly s3Code: string;

  constructor(status: number, s3Code: string) {
    super(`S3 answered ${status} (${s3Code}).`);
    this.status = status;
    this.s3Code = s3Code;
  }
}

/** S3 says no to reading or setting the CORS rules of a bucket. */
export class BucketRefused extends SealslotError {
  readonly code = 'bucket_refused';
  readonly status: number;
  /** S3's own code, such as `AccessDenied`. */
  readonly s3Code: string;

  constructor(status: number, s3Code: string) {
    super(`S3 answered ${status} (${s3Code}).`);
    this.status = status;
    this.s3Code = s3Code;
  }

  /** True of a server on which buckets have no such rules. */
  get isUnsupported(): boolean {
    return this.status === 501 || this.s3Code === 'NotImplemented';
  }
}
