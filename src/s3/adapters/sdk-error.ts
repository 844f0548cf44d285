import { S3ServiceException } from '@aws-sdk/client-s3';
import { failuresOf } from '../../aws/sdk-failure.ts';

export const sdkFailure = failuresOf('S3Failure', (error) => error instanceof S3ServiceException);

/** True of a server that has no such call. */
export function isNotImplemented(error: unknown): boolean {
  const { status, code } = sdkFailure(error);
  return status === 501 || code === 'NotImplemented';
}
