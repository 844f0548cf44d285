/**
 * Every failure a caller can meet is a class with a stable `code`; `http/problem.ts` is the one place that turns a code into a
 * status. A `detail` says what would be right and never holds key material.
 */
export abstract class SealslotError extends Error {
  abstract readonly code: string;
  /** Extra members of the problem document. */
  readonly extra: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    detail: string,
    options: { cause?: unknown; extra?: Record<string, unknown>; retryAfterSeconds?: number } = {},
  ) {
    super(detail, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.extra = options.extra ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

export interface FieldError {
  /** JSON Pointer into the body, or `query/…`, `header/…`. */
  path: string;
  message: string;
}

/** A request that can never succeed as sent. `errors` lists every field at once. */
export class InvalidRequest extends SealslotError {
  readonly code = 'invalid_request';

  constructor(errors: readonly FieldError[]) {
    super(errors.map((error) => `${error.path}: ${error.message}`).join('; '), { extra: { errors } });
  }
}

/** No credentials, or credentials that are not (or no longer) good. The reason stays in the log. */
export class Unauthenticated extends SealslotError {
  readonly code = 'unauthenticated';
}

export class InsufficientScope extends SealslotError {
  readonly code = 'insufficient_scope';
  readonly scope: string;

  constructor(scope: string) {
    super(`These credentials lack the scope ${scope}.`, { extra: { scope } });
    this.scope = scope;
  }
}

/** The tenant is known, the slot is its own, but another principal made it. */
export class NotYourSlot extends SealslotError {
  readonly code = 'not_slot_owner';
}

/** Well-formed, but the tenant's policy forbids it. */
export class PolicyRefused extends SealslotError {
  readonly code = 'policy_refused';

  constructor(errors: readonly FieldError[]) {
    super(errors.map((error) => `${error.path}: ${error.message}`).join('; '), { extra: { errors } });
  }
}

export class UploadNotFound extends SealslotError {
  readonly code = 'upload_not_found';
}

export class UploadDeleted extends SealslotError {
  readonly code = 'upload_deleted';
}

/** The slot's state does not allow the call; `state` is its state now. */
export class StateConflict extends SealslotError {
  readonly code = 'state_conflict';
}

export class NotArrived extends SealslotError {
  readonly code = 'not_arrived';
}

export interface Mismatch {
  field: string;
  expected: string | number | null;
  actual: string | number | null;
}

/** What lies in S3 is not what was announced. */
export class UploadMismatch extends SealslotError {
  readonly code = 'mismatch';

  constructor(mismatches: readonly Mismatch[]) {
    super(`The object differs from the announced one in ${mismatches.map((m) => m.field).join(', ')}.`, {
      extra: { mismatches },
    });
  }
}

export class IdempotencyMismatch extends SealslotError {
  readonly code = 'idempotency_key_reused';
}

/** A dependency that this call needs does not answer. Nothing was handed out; nothing half-made remains. */
export class DependencyUnavailable extends SealslotError {
  readonly code = 'dependency_unavailable';

  constructor(
    dependency: 's3' | 'store' | 'custody' | 'jwks' | 'credentials',
    cause: unknown,
    detail?: string,
  ) {
    super(detail ?? `The dependency "${dependency}" does not answer; try again.`, {
      cause,
      extra: { dependency },
      retryAfterSeconds: 5,
    });
  }
}

/** The service's own key store or configuration cannot serve this slot; an operator must act. */
export class KeyUnusable extends SealslotError {
  readonly code = 'key_unusable';
}
