import type { CustomerKey } from '../custody/customer-key.ts';
import type { Mismatch } from '../errors.ts';
import type { ObjectFacts } from '../s3/port.ts';
import { countTags } from './recovery.ts';
import { targetOf, type Services } from './services.ts';
import type { Upload } from './upload.ts';

export type Arrival =
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly status: number; readonly code: string }
  | { readonly kind: 'arrived'; readonly object: ObjectFacts; readonly mismatches: readonly Mismatch[] };

/** Asks S3 with the key and compares. Only S3's own answer counts; "unknown" decides nothing. */
export async function askS3(services: Services, upload: Upload, key: CustomerKey): Promise<Arrival> {
  const { objects } = targetOf(services, upload.target);
  const head = (withKey: CustomerKey | undefined) =>
    services.observer.timed('s3', () => objects.head(upload.bucket, upload.objectKey, withKey));
  const answer = await head(key);
  if (answer.kind === 'found') return arrived(services, upload, key, answer.object);
  if (answer.kind === 'absent') return answer;
  // A server that ignored SSE-C and stored plain text refuses a HEAD with a key and answers one without.
  const plain = await head(undefined);
  if (plain.kind !== 'found' || plain.object.sseCustomerAlgorithm !== null) return answer;
  return arrived(services, upload, key, plain.object);
}

async function arrived(
  services: Services,
  upload: Upload,
  key: CustomerKey,
  object: ObjectFacts,
): Promise<Arrival> {
  const tags = await countTags(services, upload, object);
  const mismatches = compare(upload, key, { ...object, tagCount: tags.actual }, tags.expected);
  return { kind: 'arrived', object, mismatches };
}

/** Only S3's own word counts that an object is under a key: some servers ignore keys and answer 200. */
export function isUnder(object: ObjectFacts, key: CustomerKey): boolean {
  return object.sseCustomerAlgorithm === 'AES256' && object.sseCustomerKeyMd5 === key.md5();
}

/**
 * One of them goes with every request that has an If-None-Match, and no page can prevent it: `no-cache` by the Fetch standard, in Node, and in
 * Chromium while its developer tools disable the cache; `max-age=0` in Chromium otherwise, by fetch and XHR. Downloads override it.
 */
const ADDED_BY_BROWSERS: ReadonlySet<string | null> = new Set(['no-cache', 'max-age=0']);

/**
 * What was announced against what is there, and against what S3 does not force a client to sign.
 * @param tagCount how many tags a copy of the key takes.
 */
export function compare(
  upload: Pick<Upload, 'size' | 'contentType' | 'metadata'> &
    Partial<Pick<Upload, 'sha256' | 'crc32c' | 'crc64nvme' | 'method'>>,
  key: CustomerKey,
  object: ObjectFacts,
  tagCount = 0,
): Mismatch[] {
  const pairs: [string, string | number | null, string | number | null][] = [
    ['encryption', 'AES256', object.sseCustomerAlgorithm],
    ['encryptionKeyMd5', key.md5(), object.sseCustomerKeyMd5],
    ['size', upload.size, object.size],
    ['contentType', upload.contentType, object.contentType],
    ['contentEncoding', null, object.contentEncoding],
    ['contentDisposition', null, object.contentDisposition],
    ['contentLanguage', null, object.contentLanguage],
    ['cacheControl', null, ADDED_BY_BROWSERS.has(object.cacheControl) ? null : object.cacheControl],
    ['expires', null, object.expires],
    ['websiteRedirect', null, object.websiteRedirect],
    ['storageClass', null, object.storageClass],
    ['tagCount', tagCount, object.tagCount],
  ];
  for (const field of ['sha256', 'crc32c', 'crc64nvme'] as const) {
    const announced = upload[field] ?? null;
    // S3 has no SHA-256 of what was sent in parts; then the content is read.
    if (announced === null || (field === 'sha256' && upload.method === 'multipart')) continue;
    pairs.push([field, announced, object[field]]);
  }
  for (const name of new Set([...Object.keys(upload.metadata), ...Object.keys(object.metadata)])) {
    pairs.push([`metadata/${name}`, upload.metadata[name] ?? null, object.metadata[name] ?? null]);
  }
  return pairs
    .filter(([, expected, actual]) => expected !== actual)
    .map(([field, expected, actual]) => ({ field, expected, actual }));
}
