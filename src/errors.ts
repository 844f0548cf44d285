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
  /** JSON Pointer into the body, or `query/…`, `header/…`, `grant/…`. */
  path: string;
  message: string;
}

/** A request that can never succeed as sent. `errors` lists every field at once. */
export class InvalidRequest extends SealslotError {
  readonly code = 'invalid_request';
  readonly errors: readonly FieldError[];

  constructor(errors: readonly FieldError[]) {
    super(errors.map((error) => `${error.path}: ${error.message}`).join('; '), { extra: { errors } });
    this.errors = errors;
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

/** Of a batch: some items are malformed or against the policy. */
export class BatchRefused extends SealslotError {
  readonly code = 'batch_refused';

  constructor(errors: readonly FieldError[]) {
    super('Some items are refused; nothing was stored.', { extra: { errors } });
  }
}

/** The grant makes no slots any more; what it began, it may finish. */
export class GrantExpired extends SealslotError {
  readonly code = 'grant_expired';

  constructor() {
    super('The grant has expired: it makes no new uploads. Those that it began may be finished.');
  }
}

/** The grant has fewer slots left than were asked for; nothing was stored. */
export class GrantExhausted extends SealslotError {
  readonly code = 'grant_exhausted';

  constructor(left: number) {
    super(left === 0 ? 'The grant has been used up.' : `The grant has only ${left} left.`, {
      extra: { left },
    });
  }
}

/** How far a bound of the tenant's configuration is used. */
export interface QuotaUse {
  readonly quota: 'openSlots' | 'bytesPerDay';
  readonly per: 'tenant' | 'principal';
  readonly limit: number;
  /** Of `openSlots` no more than the limit is counted. */
  readonly used: number;
  readonly retryAfterSeconds: number;
}

/** Too many slots would be open, or too many bytes announced in a day; nothing was stored. */
export class QuotaExceeded extends SealslotError {
  readonly code = 'quota_exceeded';
  readonly use: QuotaUse;

  /** @param figures whether they are told. */
  constructor(use: QuotaUse, figures = true) {
    const { quota, per, limit, used, retryAfterSeconds } = use;
    const what = quota === 'openSlots' ? 'uploads open at once' : 'bytes announced in a day';
    super(`This is over the limit of ${figures ? `${limit} ` : ''}${what} per ${per}; nothing was stored.`, {
      extra: { quota, per, ...(figures && { limit, used, remaining: Math.max(0, limit - used) }) },
      retryAfterSeconds,
    });
    this.use = use;
  }

  withoutFigures(): QuotaExceeded {
    return new QuotaExceeded(this.use, false);
  }
}

/** Too many requests came in a minute; this one had no effect. */
export class RateLimited extends SealslotError {
  readonly code = 'rate_limited';
  readonly per: 'tenant' | 'principal' | 'links';

  constructor(per: RateLimited['per'], retryAfterSeconds: number) {
    super(`Too many requests in a minute, counted per ${per}.`, { extra: { per }, retryAfterSeconds });
    this.per = per;
  }
}

/** The process has more to do than it can; this request had no effect. */
export class Overloaded extends SealslotError {
  readonly code = 'overloaded';
  readonly reason: 'event_loop' | 'heap' | 'memory' | 'streams';

  constructor(reason: Overloaded['reason']) {
    super('The service has too much to do at the moment; try again.', { retryAfterSeconds: 5 });
    this.reason = reason;
  }
}

export class GrantNotFound extends SealslotError {
  readonly code = 'grant_not_found';
}

/** The link is forged, has ended, or leads to nothing. */
export class LinkInvalid extends SealslotError {
  readonly code = 'link_invalid';
}

/** The operator has not set up what this call needs. */
export class NotConfigured extends SealslotError {
  readonly code = 'not_configured';
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

/** The slot is `uploaded`, but S3 has lost or changed its object past the service. */
export class ObjectMissing extends SealslotError {
  readonly code = 'object_missing';
}

/** The object has no such bytes (RFC 9110, 416). */
export class RangeNotSatisfiable extends SealslotError {
  readonly code = 'range_not_satisfiable';
}

/** As if there were no such path. */
export class RouteNotFound extends SealslotError {
  readonly code = 'route_not_found';
}

export class NotArrived extends SealslotError {
  readonly code = 'not_arrived';
}

/** S3 is putting the object together, or its content is being compared. */
export class StillCompleting extends SealslotError {
  readonly code = 'still_completing';

  constructor() {
    super('The object is being put together and verified; ask again.', { retryAfterSeconds: 5 });
  }
}

/** S3 will never make an object of these parts: only a new upload helps. */
export class RestartNeeded extends SealslotError {
  readonly code = 'restart_needed';
}

export interface Mismatch {
  readonly field: string;
  readonly expected: string | number | null;
  readonly actual: string | number | null;
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
    dependency: 's3' | 'store' | 'custody' | 'jwks' | 'credentials' | 'authentication',
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
