import { SealslotError } from '../../errors.ts';

/** A re-key that stands where it stood: both keys are kept, and it is tried again later. The detail says what was found in S3. */
export class RekeyFailed extends SealslotError {
  readonly code = 'rekey_failed';
}
