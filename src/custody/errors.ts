import { SealslotError } from '../errors.ts';

/** Another wrapper's key, or a KEK this one does not hold. Ask another wrapper; if none, an operator must bring the KEK back. */
export class KeyNotMine extends SealslotError {
  readonly code = 'key_not_mine';
}

/** Why a KEK's keeper refuses: all but the first two are for an operator to mend. */
export type Refusal =
  | 'not_authentic'
  | 'wrong_form'
  | 'access_denied'
  | 'kek_disabled'
  | 'kek_pending_deletion'
  | 'kek_not_found'
  | 'kek_unfit';

/** Wrong place, tampered bytes, or no right to the KEK. Final: trying again changes nothing until an operator has acted. */
export class KeyRefused extends SealslotError {
  readonly code = 'key_refused';
  readonly refusal: Refusal;

  constructor(detail: string, options: { refusal?: Refusal; cause?: unknown } = {}) {
    super(detail, 'cause' in options ? { cause: options.cause } : {});
    this.refusal = options.refusal ?? 'not_authentic';
  }
}

/** A package that is only needed for this adapter is not installed. */
export class PackageMissing extends SealslotError {
  readonly code = 'package_missing';
}

/** The KEK file cannot be used as it is. The detail says what would be right and never quotes the file. */
export class KekFileInvalid extends SealslotError {
  readonly code = 'kek_file_invalid';
}

/** A file is there already. A KEK file is never overwritten: every key wrapped under it would be lost. */
export class KekFileExists extends SealslotError {
  readonly code = 'kek_file_exists';
}
