export interface CodeText {
  readonly status: number;
  /** Whether the same request can succeed later: never, after waiting, or after what `do` says. */
  readonly retry: 'no' | 'wait' | 'once';
  /** Markdown, without a full stop; as `do`. */
  readonly means: string;
  /** What the caller does about it. */
  readonly do: string;
}

/** Every code that the API answers: statuses come from here, and so does the table in docs/errors.md. A code never changes its meaning. */
export const CODES: Readonly<Record<string, CodeText>> = {
  invalid_request: {
    status: 400,
    retry: 'no',
    means: 'The request is malformed; `errors` lists every field at once',
    do: 'Correct the request',
  },
  invalid_json: {
    status: 400,
    retry: 'no',
    means: 'The body is not JSON, or is empty where one is needed',
    do: 'Correct the body',
  },
  unauthenticated: {
    status: 401,
    retry: 'once',
    means: 'No token, or one that is unknown, expired, revoked or of no tenant here',
    do: 'Get a new token; an operator finds the reason in the log',
  },
  insufficient_scope: {
    status: 403,
    retry: 'no',
    means: 'The token lacks the scope that `scope` names',
    do: 'Use credentials that have it',
  },
  not_slot_owner: {
    status: 403,
    retry: 'no',
    means: 'Another principal of the tenant made the slot; only its maker is given its key',
    do: 'Let the maker ask, or ask for a slot of your own',
  },
  grant_expired: {
    status: 403,
    retry: 'no',
    means: 'The grant makes no new slots any more; what it began, it may finish while the slot is `issued`',
    do: 'Let your backend mint another',
  },
  grant_exhausted: {
    status: 403,
    retry: 'no',
    means: 'The grant has only `left` slots left, fewer than were asked for; nothing was stored',
    do: 'Ask for fewer, or let your backend mint another',
  },
  route_not_found: {
    status: 404,
    retry: 'no',
    means: 'There is no such path',
    do: 'See `/openapi.json`',
  },
  upload_not_found: {
    status: 404,
    retry: 'no',
    means: 'No slot of this tenant has this id, or none that this grant made',
    do: 'Check the id and the credentials',
  },
  grant_not_found: {
    status: 404,
    retry: 'no',
    means: 'No grant of this tenant has this id, or it ended long ago',
    do: 'Check the id and the credentials',
  },
  upload_deleted: {
    status: 404,
    retry: 'no',
    means: 'The slot has been deleted; also when a replayed `Idempotency-Key` belongs to such a slot',
    do: 'Forget it; upload anew with a new `Idempotency-Key`',
  },
  object_missing: {
    status: 404,
    retry: 'no',
    means: 'The slot is `uploaded`, but S3 has lost or changed its object past the service',
    do: 'Tell the operator; `sealslot audit` finds such objects',
  },
  link_invalid: {
    status: 404,
    retry: 'no',
    means: 'The link is forged, has ended, or leads to nothing any more',
    do: 'Ask for a new one',
  },
  method_not_allowed: {
    status: 405,
    retry: 'no',
    means: 'The path has no such method; `Allow` lists those it has',
    do: 'Use one of these',
  },
  request_timeout: {
    status: 408,
    retry: 'wait',
    means: 'The request did not arrive whole in time',
    do: 'Send it again',
  },
  state_conflict: {
    status: 409,
    retry: 'once',
    means: "The slot's `state` does not allow the call, or changed meanwhile",
    do: 'Get the slot and go by its state',
  },
  not_arrived: {
    status: 409,
    retry: 'wait',
    means: 'S3 has no such object yet',
    do: 'Finish the PUT, then call `complete` again; of multipart, `missingParts` names up to 100 parts to send, by URLs that `POST …/parts` gives',
  },
  still_completing: {
    status: 409,
    retry: 'wait',
    means: 'S3 is putting the parts together, or the service is reading the object to compare it',
    do: 'Call `complete` again after `Retry-After`',
  },
  restart_needed: {
    status: 409,
    retry: 'no',
    means: 'S3 has given up this multipart upload, or will never make an object of it',
    do: 'Ask for a new upload, and send all parts again',
  },
  body_too_large: {
    status: 413,
    retry: 'no',
    means: "The body is over this call's limit; files go to S3, not here",
    do: 'Send less',
  },
  uri_too_long: {
    status: 414,
    retry: 'no',
    means: 'A part of the path is too long',
    do: 'Correct the path',
  },
  unsupported_media_type: {
    status: 415,
    retry: 'no',
    means: 'The body is not declared as JSON',
    do: 'Send `Content-Type: application/json`',
  },
  range_not_satisfiable: {
    status: 416,
    retry: 'no',
    means: 'The object has no such bytes; `Content-Range` has its size',
    do: 'Ask for another range',
  },
  batch_refused: {
    status: 422,
    retry: 'no',
    means:
      'Items of a batch are malformed or against the policy; `errors` names each by its place, as in `/uploads/3/size`',
    do: 'Correct or leave out these items: nothing was stored',
  },
  policy_refused: {
    status: 422,
    retry: 'no',
    means:
      "The tenant's policy, or the grant, does not allow this; `errors` lists why: size, type, missing hash",
    do: 'Change the file or the policy',
  },
  form_refused: {
    status: 422,
    retry: 'no',
    means: 'S3 takes no form that is so large, or one with `${filename}` in it',
    do: 'Send less metadata, or use another method',
  },
  mismatch: {
    status: 422,
    retry: 'no',
    means: 'What lies in S3 is not what was announced; `mismatches` has field, expected and actual',
    do: 'The slot is `rejected` for good: delete it and ask for a new one',
  },
  idempotency_key_reused: {
    status: 422,
    retry: 'no',
    means: 'This `Idempotency-Key` was used with another body in the last 24 hours',
    do: 'Use a new one',
  },
  rate_limited: {
    status: 429,
    retry: 'wait',
    means:
      'Too many requests in a minute, counted per `tenant`, `principal` or `links`, as `per` says; this one had no effect',
    do: 'Wait as long as `Retry-After` says; `RateLimit` tells beforehand how many are left: see [limits](limits.md)',
  },
  quota_exceeded: {
    status: 429,
    retry: 'wait',
    means:
      'The `quota` (`openSlots`, `bytesPerDay`) per `tenant` or `principal`, as `per` says, has a `limit` that this would pass; `used` and `remaining` say how it stands, nothing was stored',
    do: 'Finish or delete what is open, or wait as long as `Retry-After` says; see [limits](limits.md)',
  },
  headers_too_large: {
    status: 431,
    retry: 'no',
    means: "The request's headers are over the limit",
    do: 'Send fewer or shorter ones',
  },
  internal_error: {
    status: 500,
    retry: 'wait',
    means: 'A fault of the service',
    do: 'Report the `requestId`',
  },
  key_unusable: {
    status: 500,
    retry: 'no',
    means: "The slot's key cannot be opened here, or its tenant or S3 target left the configuration",
    do: 'An operator must bring back the KEK or the configuration; see [below](#for-operators)',
  },
  not_configured: {
    status: 501,
    retry: 'no',
    means: 'The operator has not set up what this call needs; `detail` names the setting',
    do: 'Ask the operator',
  },
  overloaded: {
    status: 503,
    retry: 'wait',
    means: 'The process has more to do than it can; this request had no effect',
    do: 'Try again after `Retry-After`',
  },
  dependency_unavailable: {
    status: 503,
    retry: 'wait',
    means:
      'What `dependency` names (`s3`, `store`, `custody`, `jwks`, `credentials`; in an application, its `authentication`) does not answer',
    do: 'Try again after `Retry-After`; nothing was handed out, nothing half-made remains',
  },
};
