/**
 * What one line says: `ok` ✓, `off` and `unsafe` ✗, `note` – (could not be examined, does not apply, or is only advice).
 * `off`: a feature does not work; nothing is lost or leaked by it. `unsafe`: serving could lose or leak a key, or hand out an object
 * that is not the one that was uploaded.
 */
export type Outcome = 'ok' | 'off' | 'unsafe' | 'note';

/** What a line is about in general, whatever it found: for `--explain` and docs/doctor.md. */
export interface CheckText {
  /** Two or three words, for the line's beginning. */
  readonly title: string;
  /** What is asked, and why it matters, in one or two sentences. */
  readonly means: string;
}

export interface Finding {
  /** Stable: `tls.endpoint`, `bucket.exists` … One of CHECKS. */
  readonly check: string;
  /** What was examined: `configuration`, `store`, `custody`, `target main`, `bucket acme-uploads on main`. */
  readonly subject: string;
  readonly outcome: Outcome;
  /** What was seen, in one sentence without a full stop. Never a secret, a presigned URL or an answer's whole body. */
  readonly found: string;
  /** What to do about it; for `off` and `unsafe` always there. */
  readonly remedy?: string;
  /** The features that do not work because of it; for `off` always there. */
  readonly off?: readonly string[];
}

/** Findings as they come. The value at the end says whether what builds on them can be examined. */
export type Examination = AsyncGenerator<Finding, boolean>;

/** Findings of one subject, without repeating it. */
export function about(subject: string) {
  return {
    ok: (check: string, found: string): Finding => ({ check, subject, outcome: 'ok', found }),
    note: (check: string, found: string, remedy?: string): Finding => ({
      check,
      subject,
      outcome: 'note',
      found,
      ...(remedy !== undefined && { remedy }),
    }),
    off: (check: string, found: string, remedy: string, off: readonly string[]): Finding => ({
      check,
      subject,
      outcome: 'off',
      found,
      remedy,
      off,
    }),
    unsafe: (check: string, found: string, remedy: string): Finding => ({
      check,
      subject,
      outcome: 'unsafe',
      found,
      remedy,
    }),
  };
}
