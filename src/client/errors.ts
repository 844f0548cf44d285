/** Every failure that this client can tell has a stable `code`; the message is for people and holds no key, token or URL. */
export abstract class PartnerError extends Error {
  // Written out in each class: a bundler that minifies renames the classes.
  abstract override readonly name: string;
  abstract readonly code: string;
  /** Whether the same call may succeed later. */
  abstract readonly passing: boolean;
  /** Seconds that the other side asked to wait. */
  declare readonly retryAfterSeconds: number | undefined;

  /** @param members of the error, beside its `cause`. */
  constructor(message: string, { cause, ...members }: { readonly [name: string]: unknown } = {}) {
    super(message, cause ? { cause } : undefined);
    Object.assign(this, members);
  }
}

/** One mistake in a request: where (a JSON Pointer) and what would be right. */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

/** The service refused, by RFC 9457; docs/errors.md lists the codes. `unexpected_answer` is an answer that is no such document. */
export class ServiceProblem extends PartnerError {
  override readonly name = 'ServiceProblem';
  declare readonly code: string;
  declare readonly status: number;
  declare readonly detail: string;
  declare readonly errors: readonly FieldProblem[];
  declare readonly passing: boolean;
  /** All members of the answer: some codes have their own, such as `mismatches`, `missingParts` or `state`. */
  declare readonly members: Readonly<Record<string, unknown>>;

  constructor(status: number, document: unknown, retryAfterSeconds?: number) {
    const members = { ...(document as Record<string, unknown> | undefined) };
    const { code, detail, errors } = members;
    super(typeof detail === 'string' ? detail : `The service answered ${status}: is the endpoint right?`, {
      ...{ status, retryAfterSeconds, members },
      code: typeof code === 'string' ? code : 'unexpected_answer',
      errors: Array.isArray(errors) ? errors : [],
      // An operator has to bring a lost key back; asking again does not.
      passing: (status >= 500 && code !== 'key_unusable') || status === 429 || status === 408,
    });
    this.detail = this.message;
  }
}

/** What a browser's failure is likely to come from; the browser itself hides it. */
export type LikelyCause = 'cors' | 'untrusted_or_down' | 'offline';

/** No whole answer came: connection refused or cut, name unknown, too long a silence, a certificate that nobody vouches for. */
export class Unreachable extends PartnerError {
  override readonly name = 'Unreachable';
  readonly code = 'unreachable';
  declare readonly peer: 'service' | 'S3';
  declare readonly passing: boolean;
  /** In a browser, as far as a probe could tell when trying again had not helped. */
  declare readonly likely: LikelyCause | undefined;

  constructor(
    peer: 'service' | 'S3',
    message: string,
    options: { cause?: unknown; passing?: boolean; likely?: LikelyCause } = {},
  ) {
    super(message, { passing: true, ...options, peer });
  }
}

/** S3 refused the presigned call. */
export class S3Refusal extends PartnerError {
  override readonly name = 'S3Refusal';
  readonly code = 's3_refused';
  declare readonly status: number;
  /** S3's own code, such as `AccessDenied`; empty when it sent none. */
  declare readonly s3Code: string;
  declare readonly passing: boolean;

  constructor(status: number, s3Code: string, retryAfterSeconds?: number) {
    super(`S3 answered ${status}${s3Code && ` (${s3Code})`}.`, {
      ...{ status, s3Code, retryAfterSeconds },
      // 409: another PUT of the same object is under way. RequestTimeout comes with 400: our bytes came too slowly.
      passing: status >= 500 || status === 429 || status === 409 || s3Code === 'RequestTimeout',
    });
  }
}

/** The file is not the one that was hashed: it was written to meanwhile. */
export class FileChanged extends PartnerError {
  override readonly name = 'FileChanged';
  readonly code = 'file_changed';
  readonly passing = false;
}

/** Whether it is the service's refusal with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): error is ServiceProblem {
  return error instanceof ServiceProblem && codes.includes(error.code);
}

/** What the work gives, or undefined when the service refuses it with one of these codes. */
export function unlessCode<T>(work: Promise<T>, ...codes: readonly string[]): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (!hasCode(error, ...codes)) throw error;
    return undefined;
  });
}

/** What arrived differs in size or SHA-256 from what was announced. */
export class ContentDiffers extends PartnerError {
  override readonly name = 'ContentDiffers';
  readonly code = 'content_differs';
  readonly passing = false;
}

/** A local file could not be opened, read or written; `cause` has the system's code. */
export class FileUnusable extends PartnerError {
  override readonly name = 'FileUnusable';
  readonly code = 'file_unusable';
  readonly passing = false;
}
