import { SealslotError } from '../errors.ts';

/** No form can be made of this: S3 would not take it, or would take more than was meant. */
export class FormRefused extends SealslotError {
  readonly code = 'form_refused';
  /** `variable`: a value holds `${filename}`. `too_large`: AWS takes at most 20 KB beside the file. */
  readonly reason: 'variable' | 'too_large';

  constructor(reason: FormRefused['reason'], detail: string) {
    super(detail);
    this.reason = reason;
  }
}
