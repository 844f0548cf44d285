import { SealslotError } from '../errors.ts';

/** Another wrapper's key, or a KEK this one does not hold. Ask another wrapper; if none, an operator must bring the KEK back. */
export class KeyNotMine extends SealslotError {
  readonly code = 'key_not_mine';
}

/** Wrong place, tampered bytes, or no right to the KEK. Final: trying again changes nothing. */
export class KeyRefused extends SealslotError {
  readonly code = 'key_refused';
}

/** The KEK file cannot be used as it is. The detail says what would be right and never quotes the file. */
export class KekFileInvalid extends SealslotError {
  readonly code = 'kek_file_invalid';
}

/** A file is there already. A KEK file is never overwritten: every key wrapped under it would be lost. */
export class KekFileExists extends SealslotError {
  readonly code = 'kek_file_exists';
}
