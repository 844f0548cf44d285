import type { TenantConfig } from '../config/config.ts';
import { InvalidRequest, PolicyRefused } from '../errors.ts';
import type { FieldError } from '../errors.ts';
import { MOST_PARTS, partSizeOf } from '../uploads/part-sizes.ts';
import type { UploadMethod } from '../uploads/upload.ts';
import type { GrantLimits } from './grant.ts';
import { metadataRefusals, narrowed } from './grant-limits.ts';
import { contentTypeAllowed } from './media-type.ts';

/** What a caller wants to upload; well-formed already. */
export interface UploadAsk {
  readonly contentType: string;
  readonly size: number;
  readonly sha256?: string | undefined;
  readonly method?: UploadMethod | undefined;
  readonly partSize?: number | undefined;
  readonly expiresInSeconds?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** What a tenant gets of what was asked for. */
export interface Granted {
  readonly expiresInSeconds: number;
  readonly method: UploadMethod;
  /** Bytes; null unless the method is `multipart`. */
  readonly partSize: number | null;
}

const GIB = 1024 ** 3;
/** S3's limit for one PUT or POST. */
const LARGEST_PUT = 5 * GIB;

/**
 * Whether a tenant may get this slot, and how.
 * @param grant by which the caller asks, if he does: the slot must fit its limits too.
 * @throws InvalidRequest when `expiresInSeconds` or `partSize` is out of bounds.
 * @throws PolicyRefused with all other refusals at once.
 */
export function authoriseUpload(policy: TenantConfig, ask: UploadAsk, grant?: GrantLimits): Granted {
  const { invalid, refused, granted } = judgeUpload(policy, ask, grant);
  if (invalid.length > 0) throw new InvalidRequest(invalid);
  if (refused.length > 0) throw new PolicyRefused(refused);
  return granted;
}

/** The same of one item of many, whose mistakes are told together. */
export function judgeUpload(
  tenant: TenantConfig,
  ask: UploadAsk,
  grant?: GrantLimits,
): { invalid: readonly FieldError[]; refused: readonly FieldError[]; granted: Granted } {
  const policy = narrowed(tenant, grant);
  const method = ask.method ?? 'PUT';
  const expiresInSeconds = ask.expiresInSeconds ?? policy.urlSeconds.default;
  const partSize = method === 'multipart' ? grantedPartSize(ask) : null;
  return {
    invalid: [...urlSecondsProblems(policy, expiresInSeconds), ...partSizeProblems(ask, method, partSize)],
    refused: [
      ...sizeProblems(policy, ask, method),
      ...contentTypeProblems(ask, policy.contentTypes, grant?.contentTypes ?? undefined),
      ...(policy.methods.includes(method)
        ? []
        : [{ path: '/method', message: `must be one of ${policy.methods.join(', ') || 'none'}` }]),
      ...sha256Problems(policy, ask, method),
      ...metadataRefusals(grant, ask.metadata),
    ],
    granted: { expiresInSeconds, method, partSize },
  };
}

/** As asked, to the byte, if these parts are enough. */
function grantedPartSize({ size, partSize }: UploadAsk): number {
  return partSize !== undefined && size <= partSize * MOST_PARTS ? partSize : partSizeOf(size, partSize);
}

function sizeProblems(policy: TenantConfig, { size }: UploadAsk, method: UploadMethod): FieldError[] {
  if (!(size <= policy.maxSizeBytes))
    return [{ path: '/size', message: `must be at most ${policy.maxSizeBytes} bytes` }];
  if (method !== 'multipart' && size > LARGEST_PUT) {
    return [{ path: '/size', message: `must be at most ${LARGEST_PUT} bytes by ${method}; use multipart` }];
  }
  return [];
}

/** Of the tenant's list and the grant's, the narrower one is named. */
function contentTypeProblems(
  { contentType }: UploadAsk,
  ofTenant: readonly string[],
  ofGrant: readonly string[] = ['*'],
): FieldError[] {
  const refusing = [ofGrant, ofTenant].find((globs) => !contentTypeAllowed(globs, contentType));
  return refusing === undefined
    ? []
    : [{ path: '/contentType', message: `must be one of ${refusing.join(', ')}` }];
}

function partSizeProblems(ask: UploadAsk, method: UploadMethod, partSize: number | null): FieldError[] {
  if (method !== 'multipart')
    return ask.partSize === undefined ? [] : [{ path: '/partSize', message: 'is for multipart only' }];
  if (ask.size < 1) return [{ path: '/size', message: 'must be at least 1 for multipart' }];
  return ask.partSize !== undefined && partSize !== ask.partSize
    ? [{ path: '/partSize', message: `must be at least ${partSize} for this size: S3 takes 10,000 parts` }]
    : [];
}

/** S3 itself checks a SHA-256 of a whole object, but not of one made of parts. */
function sha256Problems(policy: TenantConfig, ask: UploadAsk, method: UploadMethod): FieldError[] {
  const canCheck = method !== 'multipart' || policy.verify === 'stream';
  if (ask.sha256 !== undefined && !canCheck) {
    return [
      { path: '/sha256', message: 'is not checked for multipart here: leave it out, or send it by PUT' },
    ];
  }
  if (policy.requireSha256 && ask.sha256 === undefined) {
    const how = canCheck ? '' : ', which rules out multipart here: use PUT';
    return [{ path: '/sha256', message: `is required${how}` }];
  }
  return [];
}

/**
 * How long a URL lives: as asked, within the tenant's bounds, else the tenant's default.
 * @throws InvalidRequest when it is out of bounds.
 */
export function urlSeconds(policy: TenantConfig, asked: number | undefined): number {
  const seconds = asked ?? policy.urlSeconds.default;
  const problems = urlSecondsProblems(policy, seconds);
  if (problems.length > 0) throw new InvalidRequest(problems);
  return seconds;
}

function urlSecondsProblems({ urlSeconds: { min, max } }: TenantConfig, seconds: number): FieldError[] {
  return seconds >= min && seconds <= max
    ? []
    : [{ path: '/expiresInSeconds', message: `must be from ${min} to ${max}` }];
}
