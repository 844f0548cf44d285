import { S3ServiceException } from '@aws-sdk/client-s3';

/** What an SDK error says, and nothing of the request in it: `$request`, `$response` and causes can hold the SSE-C key. */
export interface SdkFailure {
  /** The HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** S3's error code, such as `NoSuchUpload`; for HEAD, which has no body, only a name like `NotFound`. */
  readonly code: string;
  /** A plain error, good as a `cause`. */
  readonly plain: Error;
}

export function sdkFailure(error: unknown): SdkFailure {
  if (!(error instanceof Error)) return { status: undefined, code: 'Unknown', plain: new Error('unknown') };
  const status = statusOf(error);
  // Only S3's own messages and the socket's are repeated: a parser's may quote the answer.
  const known = error instanceof S3ServiceException || status === undefined;
  const text = known ? error.message || errnoOf(error) : 'the answer could not be read';
  const plain = new Error(`${error.name}: ${text}${status === undefined ? '' : ` (HTTP ${status})`}`);
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
