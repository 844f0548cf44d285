import { DependencyUnavailable } from '../../errors.ts';
import { ObjectRefused } from '../errors.ts';
import { sdkFailure } from './sdk-error.ts';

const REFUSALS = new Set([400, 403, 404, 412]);

/** 400 to 404 by which S3 speaks of the transfer, the upload or the clock, not of the object. Tried again, they may go well. */
const NOT_OF_THE_OBJECT = new Set([
  'BadDigest',
  'ExpiredToken',
  'IncompleteBody',
  'InvalidPart',
  'NoSuchUpload',
  'RequestTimeTooSkewed',
  'RequestTimeout',
  'XAmzContentSHA256Mismatch',
]);

/** What a call of `ObjectContent` throws for this error. */
export function objectFailure(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof ObjectRefused || error instanceof DependencyUnavailable) return error;
  const failure = sdkFailure(error);
  const { status, code } = failure;
  return status !== undefined && REFUSALS.has(status) && !NOT_OF_THE_OBJECT.has(code)
    ? new ObjectRefused(status, code)
    : new DependencyUnavailable('s3', failure);
}

/** The answer is a 200, but not what S3 says when it has done it. */
export function unproven(what: string): DependencyUnavailable {
  return new DependencyUnavailable('s3', undefined, `S3 did not say ${what}.`);
}
