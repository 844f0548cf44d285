import { DependencyUnavailable } from '../../../errors.ts';
import { KeyRefused, type Refusal } from '../../errors.ts';

/**
 * What an SDK error says, and nothing of the call in it: `$request`, `$response` and causes can hold the customer key. Good as a `cause`.
 */
export class KmsFailure extends Error {
  /** KMS's name for it, such as `DisabledException`; Node's or the SDK's when KMS said nothing. */
  readonly code: string;
  /** The HTTP status; undefined when no answer came. */
  readonly status: number | undefined;

  constructor(message: string, code: string, status: number | undefined) {
    super(message);
    this.name = 'KmsFailure';
    this.code = code;
    this.status = status;
  }
}

/** @param bySdk whether an error is an answer of KMS's own. */
export function kmsFailure(error: unknown, bySdk: (error: Error) => boolean): KmsFailure {
  if (!(error instanceof Error)) return new KmsFailure('unknown', 'Unknown', undefined);
  const status = statusOf(error);
  if (status === undefined) {
    const errno = (error as NodeJS.ErrnoException).code;
    // A failed connect to several addresses has an empty message.
    return new KmsFailure(`${error.name}: ${error.message || 'no answer'}`, errno ?? error.name, status);
  }
  if (bySdk(error))
    return new KmsFailure(`${error.name}: ${error.message} (HTTP ${status})`, error.name, status);
  // A parser's message may quote the answer, and the answer to Decrypt is the key.
  return new KmsFailure(`the answer could not be read (HTTP ${status})`, 'Unreadable', status);
}

function statusOf(error: Error): number | undefined {
  const { $metadata, $response } = error as {
    $metadata?: { httpStatusCode?: number };
    $response?: { statusCode?: number };
  };
  return $metadata?.httpStatusCode ?? $response?.statusCode;
}

const DENIALS = [
  ...['AccessDeniedException', 'AccessDenied', 'NotAuthorized', 'OptInRequired'],
  ...['UnrecognizedClientException', 'InvalidClientTokenId', 'MissingAuthenticationTokenException'],
  ...['InvalidSignatureException', 'IncompleteSignature', 'IncompleteSignatureException'],
];

/**
 * What is no answer about the key is not among them, and means "try later": throttling, KMS's own troubles, names yet unknown. So does
 * `ExpiredTokenException`: it tells nothing of the key, and whoever renews the credentials mends it for every key at once.
 */
const REFUSALS: ReadonlyMap<string, Refusal> = new Map([
  ...DENIALS.map((name) => [name, 'access_denied'] as const),
  ['DisabledException', 'kek_disabled'],
  ['KMSInvalidStateException', 'kek_disabled'],
  ['NotFoundException', 'kek_not_found'],
  ['InvalidArnException', 'kek_not_found'],
  ['InvalidCiphertextException', 'not_authentic'],
  ['IncorrectKeyException', 'not_authentic'],
  ['InvalidKeyUsageException', 'kek_unfit'],
  ['UnsupportedOperationException', 'kek_unfit'],
  ['ValidationException', 'wrong_form'],
]);

const DETAILS: Readonly<Record<Refusal, string>> = {
  not_authentic: 'The wrapped key is not authentic in this place, says AWS KMS.',
  wrong_form: 'The wrapped key is not of a form that AWS KMS takes.',
  access_denied: 'AWS KMS denies this service the use of the KEK.',
  kek_disabled: 'The KEK is disabled in AWS KMS.',
  kek_pending_deletion: 'The KEK is about to be deleted in AWS KMS.',
  kek_not_found: 'AWS KMS has no such KEK.',
  kek_unfit: 'The KEK is not a key for symmetric encryption.',
};

/** In the words of the port. */
export function explained(failure: KmsFailure): KeyRefused | DependencyUnavailable {
  const refusal = refusalOf(failure);
  return refusal === undefined ? new DependencyUnavailable('custody', failure) : refused(refusal, failure);
}

export function refused(refusal: Refusal, cause?: KmsFailure): KeyRefused {
  return new KeyRefused(DETAILS[refusal], { refusal, ...(cause && { cause }) });
}

function refusalOf({ code, message }: KmsFailure): Refusal | undefined {
  // Only its words tell this state from the others.
  if (code === 'KMSInvalidStateException' && /pending (replica )?deletion/i.test(message)) {
    return 'kek_pending_deletion';
  }
  return REFUSALS.get(code);
}
