import { PartnerError, ServiceProblem, Unreachable, FileUnusable } from '../../client/errors.ts';
import { EX_DATAERR, EX_NOINPUT, EX_NOPERM, EX_TEMPFAIL } from '../command.ts';

const EXIT_SEVERAL = 1;
const NOT_ACCEPTED = new Set(['unauthenticated', 'insufficient_scope', 'not_slot_owner']);

/** What one failure of a partner's command means to a script. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof FileUnusable) return EX_NOINPUT;
  if (error instanceof ServiceProblem && NOT_ACCEPTED.has(error.code)) return EX_NOPERM;
  // A certificate that nobody vouches for will not be better later.
  if (error instanceof Unreachable) return error.passing ? EX_TEMPFAIL : EX_DATAERR;
  if (
    error instanceof ServiceProblem &&
    ['not_arrived', 'key_unusable', 'restart_needed'].includes(error.code)
  )
    return EX_TEMPFAIL;
  return error instanceof PartnerError && error.passing ? EX_TEMPFAIL : EX_DATAERR;
}

/** One code for many failures: theirs when they agree. */
export function exitCodeOfAll(codes: Iterable<number>): number {
  const [first = 0, ...others] = new Set(codes);
  return others.length === 0 ? first : EXIT_SEVERAL;
}

/** Whether every other file would fail the same way: the key is not accepted, or the service is down. */
export function stopsAll(error: unknown): boolean {
  if (error instanceof Unreachable) return error.peer === 'service';
  if (!(error instanceof ServiceProblem)) return false;
  return ['unauthenticated', 'insufficient_scope'].includes(error.code) || [429, 503].includes(error.status);
}

/** A failure as `--json` shows it. */
export interface FailureReport {
  readonly code: string;
  readonly detail: string;
}

export function reportOf(error: unknown): FailureReport {
  if (error instanceof Unreachable && !error.passing) {
    return { code: error.code, detail: `${error.message} If it is of a private CA, name that by --ca-file.` };
  }
  if (error instanceof PartnerError) return { code: error.code, detail: error.message };
  return { code: 'failed', detail: error instanceof Error ? error.message : 'unknown failure' };
}
