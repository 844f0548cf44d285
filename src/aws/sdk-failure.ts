/**
 * What an error of an AWS SDK client says, and nothing of the request in it: `$request`, `$response` and causes can hold a customer key.
 * Good as a `cause`; its code and status, which the log shows, tell a wrong CA from a dead server.
 */
export class SdkFailure extends Error {
  /**
   * The service's own name for it, such as `NoSuchUpload` or `DisabledException`; for HEAD, which has no body, only a name like
   * `NotFound`; Node's or OpenSSL's when no answer came.
   */
  readonly code: string;
  /** The HTTP status; undefined when no answer came. */
  readonly status: number | undefined;

  constructor(name: string, message: string, code: string, status: number | undefined) {
    super(message);
    this.name = name;
    this.code = code;
    this.status = status;
  }
}

/**
 * @param name of the failures, such as `S3Failure`.
 * @param isAnswer whether an error is the service's own answer.
 */
export function failuresOf(
  name: string,
  isAnswer: (error: Error) => boolean,
): (error: unknown) => SdkFailure {
  return (error) => {
    if (!(error instanceof Error)) return new SdkFailure(name, 'unknown', 'Unknown', undefined);
    const errno = (error as NodeJS.ErrnoException).code;
    // A failed connect to several addresses has an empty message.
    const message = error.message || (errno ?? 'no answer');
    const status = statusOf(error);
    if (status === undefined) {
      return new SdkFailure(name, `${error.name}: ${message}`, errno ?? error.name, status);
    }
    // Only the service's own messages and the socket's are repeated: a parser's may quote the answer, and that of KMS is a key.
    const text = isAnswer(error) ? message : 'the answer could not be read';
    return new SdkFailure(name, `${error.name}: ${text} (HTTP ${status})`, error.name, status);
  };
}

function statusOf(error: Error): number | undefined {
  const { $metadata, $response } = error as {
    $metadata?: { httpStatusCode?: number };
    $response?: { statusCode?: number };
  };
  return $metadata?.httpStatusCode ?? $response?.statusCode;
}
