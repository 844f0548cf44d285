import { SdkFailure } from '../../../aws/sdk-failure.ts';
import { DependencyUnavailable } from '../../../errors.ts';
import { KeyRefused, type Refusal } from '../../errors.ts';

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

/** In the words of the port. @param where which wrapper and key, before what only operators see. */
export function explained(failure: SdkFailure, where: string): KeyRefused | DependencyUnavailable {
  const refusal = refusalOf(failure);
  return refusal === undefined ? unavailable(failure, where) : refused(refusal, where, failure);
}

export function unavailable(
  { name, message, code, status }: SdkFailure,
  where: string,
): DependencyUnavailable {
  return new DependencyUnavailable('custody', new SdkFailure(name, `${where}: ${message}`, code, status));
}

export function refused(refusal: Refusal, where: string, cause?: SdkFailure): KeyRefused {
  return new KeyRefused(`${where}: ${DETAILS[refusal]}`, { refusal, ...(cause && { cause }) });
}

function refusalOf({ code, message }: SdkFailure): Refusal | undefined {
  // Only its words tell this state from the others.
  if (code === 'KMSInvalidStateException' && /pending (replica )?deletion/i.test(message)) {
    return 'kek_pending_deletion';
  }
  return REFUSALS.get(code);
}
