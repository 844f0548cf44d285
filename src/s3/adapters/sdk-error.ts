import { S3ServiceException } from '@aws-sdk/client-s3';

/**
 * What an SDK error says, and nothing of the request in it: `$request`, `$response` and causes can hold the SSE-C key. Good as a `cause`;
 * its code and status, which the log shows, tell a wrong CA from a dead server.
 */
export class S3Failure extends Error {
  /**
   * S3's error code, such as `NoSuchUpload`; for HEAD, which has no body, only a name like `NotFound`; Node's or OpenSSL's when no
   * answer came.
   */
  readonly code: string;
  /** The HTTP status; undefined when no answer came. */
  readonly status: number | undefined;

  constructor(message: string, code: string, status: number | undefined) {
    super(message);
    this.name = 'S3Failure';
    this.code = code;
    this.status = status;
  }
}

export function sdkFailure(error: unknown): S3Failure {
  if (!(error instanceof Error)) return new S3Failure('unknown', 'Unknown', undefined);
  const errno = (error as NodeJS.ErrnoException).code;
  // A failed connect to several addresses has an empty message.
  const message = error.message || (errno ?? 'no answer');
  const status = statusOf(error);
  if (status === undefined) return new S3Failure(`${error.name}: ${message}`, errno ?? error.name, status);
  // Only S3's own messages and the socket's are repeated: a parser's may quote the answer.
  const text = error instanceof S3ServiceException ? message : 'the answer could not be read';
  return new S3Failure(`${error.name}: ${text} (HTTP ${status})`, error.name, status);
}

/** True of a server that has no such call. */
export function isNotImplemented(error: unknown): boolean {
  const { status, code } = sdkFailure(error);
  return status === 501 || code === 'NotImplemented';
}

function statusOf(error: Error): number | undefined {
  const { $metadata, $response } = error as {
    $metadata?: { httpStatusCode?: number };
    $response?: { statusCode?: number };
  };
  return $metadata?.httpStatusCode ?? $response?.statusCode;
}
