import type { CorsRule } from '../s3/port.ts';
import type { UploadMethod } from '../uploads/upload.ts';

/** By this a bucket's rule is known as ours. */
export const RULE_ID = 'sealslot';

export interface CorsNeed {
  /** `cors.origins`. */
  readonly origins: readonly string[];
  /** Of all tenants that use the bucket: one rule serves them. */
  readonly methods: ReadonlySet<UploadMethod>;
}

/**
 * The one rule that a bucket needs. Headers are not narrowed: what counts is signed into each URL, while a list would have to follow every
 * metadata name, checksum and tag that a slot can have.
 */
export function ruleFor({ origins, methods }: CorsNeed): CorsRule {
  const puts = methods.has('PUT') || methods.has('multipart');
  return {
    ID: RULE_ID,
    AllowedOrigins: origins,
    AllowedMethods: ['GET', 'HEAD', ...(puts ? ['PUT'] : []), ...(methods.has('POST') ? ['POST'] : [])],
    AllowedHeaders: ['*'],
    // For clients that note parts by their ETag, for downloads in ranges, and for reports of a refusal.
    ExposeHeaders: ['ETag', 'Content-Range', 'x-amz-request-id'],
    MaxAgeSeconds: 600,
  };
}

/** As `aws s3api put-bucket-cors --cors-configuration` reads it. */
export function corsDocument(rules: readonly CorsRule[], space?: number): string {
  return JSON.stringify({ CORSRules: rules }, null, space);
}

/** MinIO has one list of origins for the whole server, and no rules of buckets. */
export function minioSetting(origins: readonly string[]): string {
  return `MINIO_API_CORS_ALLOW_ORIGIN=${origins.join(',')}`;
}

/** How a bucket's present rules become those it should have. */
export interface CorsPlan {
  /** All rules afterwards; the same as before when nothing is to be done. */
  readonly rules: readonly CorsRule[];
  readonly added: readonly CorsRule[];
  readonly removed: readonly CorsRule[];
  readonly kept: readonly CorsRule[];
  /**
   * Rules of others that answer our origins too. S3 goes by the first rule that fits, so beside ours they would decide what a page may read,
   * or ours would decide it for theirs: somebody has to say which.
   */
  readonly rivals: readonly CorsRule[];
}

/** @param replace takes the rivals out. */
export function planFor(present: readonly CorsRule[], ours: CorsRule, replace: boolean): CorsPlan {
  const isOurs = (rule: CorsRule) => rule.ID === RULE_ID || sameButId(rule, ours);
  const former = present.filter(isOurs);
  const others = present.filter((rule) => !isOurs(rule));
  const rivals = others.filter((rule) => isRival(rule, ours));
  const kept = replace ? others.filter((rule) => !rivals.includes(rule)) : others;
  const isThere = former.length === 1 && former.every((rule) => sameButId(rule, ours));
  if (isThere && kept.length === others.length)
    return { rules: present, added: [], removed: [], kept: others, rivals };
  return {
    rules: [...kept, ours],
    added: isThere ? [] : [ours],
    removed: [...(isThere ? [] : former), ...others.filter((rule) => !kept.includes(rule))],
    kept,
    rivals,
  };
}

function sameButId(a: CorsRule, b: CorsRule): boolean {
  const set = (values: readonly string[] | undefined, plain = (text: string) => text) =>
    JSON.stringify([...new Set((values ?? []).map(plain))].sort());
  const lower = (text: string) => text.toLowerCase();
  return (
    set(a.AllowedOrigins) === set(b.AllowedOrigins) &&
    set(a.AllowedMethods) === set(b.AllowedMethods) &&
    set(a.AllowedHeaders, lower) === set(b.AllowedHeaders, lower) &&
    set(a.ExposeHeaders, lower) === set(b.ExposeHeaders, lower) &&
    a.MaxAgeSeconds === b.MaxAgeSeconds
  );
}

function isRival(rule: CorsRule, ours: CorsRule): boolean {
  return (
    ours.AllowedMethods.some((method) => rule.AllowedMethods.includes(method)) &&
    ours.AllowedOrigins.some((origin) => rule.AllowedOrigins.some((pattern) => fits(pattern, origin)))
  );
}

/** S3 allows one `*` in an origin. */
function fits(pattern: string, origin: string): boolean {
  const [start = '', end] = pattern.split('*');
  if (end === undefined) return pattern === origin;
  return origin.length >= start.length + end.length && origin.startsWith(start) && origin.endsWith(end);
}
