import { S3ServiceException } from '@aws-sdk/client-s3';

/** What an SDK error says, and nothing of the request in it: `$request`, `$response` and causes can hold the SSE-C key. */
export interface SdkFailure {
  /** The HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** S3's error code, such as `NoSuchUpload`; for HEAD, which has no body, only a name like `NotFound`. */
  readonly code: string;
  /** Good as a `cause`. */
  readonly plain: S3Failure;
}

/** What the log may say of a failed call: its `code` (S3's, Node's or OpenSSL's) and status tell a wrong CA from a dead server. */
export class S3Failure extends Error {
  readonly code: string;
  readonly status: number | undefined;

  constructor(message: string, code: string, status: number | undefined) {
    super(message);
    this.name = 'S3Failure';
    this.code = code;
    this.status = status;
  }
}

export function sdkFailure(error: unknown): SdkFailure {
  if (!(error instanceof Error)) {
    return { status: undefined, code: 'Unknown', plain: new S3Failure('unknown', 'Unknown', undefined) };
  }
  const status = statusOf(error);
  // Only S3's own messages and the socket's are repeated: a parser's may quote the answer.
  const known = error instanceof S3ServiceException || status === undefined;
  const text = known ? error.message || errnoOf(error) : 'the answer could not be read';
  const message = `${error.name}: ${text}${status === undefined ? '' : ` (HTTP ${status})`}`;
  const cause = status === undefined ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.name;
  const plain = new S3Failure(message, cause, status);
  return { status, code: error.name, plain };
}

function statusOf(error: Error): number | undefined {
  const { $metadata, $response } = error as {
    $metadata?: { httpStatusCode?: number };
    $response?: { statusCode?: number };
  };
  return $metadata?.httpStatusCode ?? $response?.statusCode;
}

/** A failed connect to several addresses has an empty message. */
function errnoOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? 'no answer';
}
