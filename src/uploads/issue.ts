import { createHash } from 'node:crypto';
import { authoriseUpload, type Granted } from '../access/policy.ts';
import { mergedMetadata } from '../access/grant-limits.ts';
import { buildObjectKey } from '../access/object-key.ts';
import type { Principal } from '../access/principal.ts';
import type { TenantConfig } from '../config/config.ts';
import { CustomerKey } from '../custody/customer-key.ts';
import { IdempotencyMismatch, UploadDeleted } from '../errors.ts';
import type { UrlWindow } from '../s3/port.ts';
import type { IdempotencyRecord, NewSlot } from '../store/port.ts';
import { wrapFor } from './customer-key-of.ts';
import { requireLeft, requireUsable } from './grants.ts';
import { newId } from './new-id.ts';
import { copyTags } from './recovery.ts';
import { reissue } from './reissue.ts';
import { multipartRequest, signedRequest, type UploadRequest } from './request.ts';
import { targetOf, tenantOf, type Services } from './services.ts';
import { mapSeveral } from './several.ts';
import { quotasOf, requireFit, toldTo } from './quotas.ts';
import { stateAt, UNTOUCHED, type Upload, type UploadMethod } from './upload.ts';

const IDEMPOTENCY_MS = 24 * 3600 * 1000;

export interface UploadAsk {
  readonly filename?: string;
  readonly contentType: string;
  readonly size: number;
  readonly sha256?: string;
  readonly crc32c?: string;
  readonly crc64nvme?: string;
  readonly method?: UploadMethod;
  readonly partSize?: number;
  readonly expiresInSeconds?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface IssuedSlot {
  readonly upload: Upload;
  /** Absent in a replay for a slot that is no longer `issued`. */
  readonly request: UploadRequest | undefined;
}

export interface Issued {
  /** In the order asked for. */
  readonly slots: readonly IssuedSlot[];
  readonly replayed: boolean;
}

/** One slot or many, all or none. */
export interface Order {
  /** What a second request with the same idempotency key must repeat. */
  readonly body: unknown;
  readonly idempotencyKey: string | undefined;
  /** Where in the body all that is asked for stands. */
  readonly place: '/size' | '/uploads';
  /** Throws what the policy has against it. */
  authorise(policy: TenantConfig): readonly (Granted & { readonly ask: UploadAsk })[];
}

/**
 * @throws InvalidRequest, PolicyRefused, GrantExpired, GrantExhausted, QuotaExceeded, IdempotencyMismatch, UploadDeleted, KeyUnusable,
 *   DependencyUnavailable; nothing was stored.
 */
export async function issueUpload(
  services: Services,
  principal: Principal,
  ask: UploadAsk,
  idempotencyKey: string | undefined,
): Promise<IssuedSlot & { readonly replayed: boolean }> {
  const authorise = (policy: TenantConfig) => [{ ask, ...authoriseUpload(policy, ask, principal.grant) }];
  const { slots, replayed } = await issue(services, principal, {
    body: ask,
    idempotencyKey,
    place: '/size',
    authorise,
  });
  const [slot] = slots;
  if (slot === undefined) throw new Error('a slot was asked for, and none came back');
  return { ...slot, replayed };
}

/**
 * The main story: policy → keys → wrap → commit → sign → answer. The wrapped keys and the URLs' ends are durable before there is a URL
 * (invariants 1 and 3); whatever fails before the commit leaves nothing behind.
 */
export async function issue(services: Services, principal: Principal, order: Order): Promise<Issued> {
  const { store, observer } = services;
  const now = services.now();
  const policy = tenantOf(services, principal.tenant);
  const once = idempotencyOf(principal, order);
  if (once !== undefined) {
    const earlier = await store.uploads.findIdempotent(once.tenant, once.principal, once.key, now);
    if (earlier !== undefined) return replay(services, earlier, once.requestHash);
  }

  if (principal.grant !== undefined) requireUsable(principal.grant, policy, now);
  const granted = order.authorise(policy);
  if (principal.grant !== undefined) requireLeft(principal.grant, granted.length);
  const quotas = quotasOf(policy, principal);
  requireFit(quotas, granted, order.place);
  const windows = await windowsFor(services, policy, granted, now);
  const hasCopy = services.config.custody.recovery !== undefined;
  const made = await mapSeveral(granted, async (grant) => {
    const window = grant.method === 'multipart' ? undefined : windows.get(grant.expiresInSeconds);
    const upload = newUpload(principal, policy, grant, now, window);
    const customerKey = CustomerKey.generate();
    const key = await wrapFor(services, customerKey, upload, 1);
    const tags = hasCopy ? copyTags(upload, 1, key) : {};
    // A form may turn out too large for S3: that is found before anything is stored.
    if (window !== undefined && grant.method === 'POST') signedRequest(window, upload, customerKey, tags);
    return { upload, window, customerKey, key, tags, hasCopy };
  });
  const record = once && recordOf(once, made, now);
  const winner = await observer.timed('commit', () =>
    toldTo(principal, store.uploads.insert(made, record, now, principal.grant, quotas)),
  );
  if (winner !== undefined && once !== undefined) return replay(services, winner, once.requestHash);

  const slots = await observer.timed('sign', async () =>
    made.map(({ upload, window, customerKey, tags }) => {
      observer.slot('issued', upload);
      if (window === undefined) return { upload, request: multipartRequest(upload) };
      return { upload, request: signedRequest(window, upload, customerKey, tags) };
    }),
  );
  return { slots, replayed: false };
}

/** One for each life asked for. Multipart needs none yet: its URLs come part by part. */
async function windowsFor(
  services: Services,
  policy: TenantConfig,
  granted: readonly Granted[],
  now: number,
): Promise<ReadonlyMap<number, UrlWindow>> {
  const { uploadPresigner } = targetOf(services, policy.target);
  const lives = granted.filter(({ method }) => method !== 'multipart').map((grant) => grant.expiresInSeconds);
  const windows = new Map<number, UrlWindow>();
  for (const seconds of new Set(lives)) windows.set(seconds, await uploadPresigner.open(seconds, now));
  return windows;
}

function newUpload(
  principal: Principal,
  policy: TenantConfig,
  { ask, method, partSize, expiresInSeconds }: Granted & { readonly ask: UploadAsk },
  now: number,
  window: UrlWindow | undefined,
): Upload {
  const id = newId();
  const { tenant, grant } = principal;
  const expiresAt = now + policy.slotSeconds * 1000;
  const urlEndsAt = window?.endsAt ?? now;
  return {
    ...UNTOUCHED,
    id,
    tenant,
    principal: principal.id,
    state: 'issued',
    target: policy.target,
    bucket: policy.bucket,
    objectKey: objectKeyFor(method, policy, {
      tenant,
      id,
      filename: ask.filename,
      prefix: grant?.prefix,
      createdAt: now,
    }),
    filename: ask.filename ?? null,
    contentType: ask.contentType,
    size: ask.size,
    sha256: ask.sha256 ?? null,
    crc32c: ask.crc32c ?? null,
    crc64nvme: ask.crc64nvme ?? null,
    method,
    partSize,
    multipartUploadId: null,
    metadata: mergedMetadata(grant, ask.metadata),
    expiresInSeconds,
    createdAt: now,
    expiresAt,
    urlEndsAt,
    nextCheckAt: window === undefined ? expiresAt : Math.min(urlEndsAt, expiresAt),
  };
}

/** S3 puts the name of the file that is sent in the place of `${filename}` in a form's object key. */
function objectKeyFor(
  method: UploadMethod,
  { objectKeyTemplate }: TenantConfig,
  slot: Parameters<typeof buildObjectKey>[1],
): string {
  const objectKey = buildObjectKey(objectKeyTemplate, slot);
  return method === 'POST' ? objectKey.replaceAll('$', '_') : objectKey;
}

/** The same slots and, while `issued`, the same customer keys under fresh signatures. */
async function replay(
  services: Services,
  record: IdempotencyRecord,
  requestHash: Uint8Array,
): Promise<Issued> {
  if (Buffer.compare(record.requestHash, requestHash) !== 0) {
    throw new IdempotencyMismatch('This Idempotency-Key was used with another body; use a new one.');
  }
  const { store, observer, now } = services;
  const uploads = await mapSeveral(record.uploadIds, async (id) => {
    const upload = await store.uploads.get(record.tenant, id);
    const isGone = upload === undefined || upload.state === 'deleting' || upload.state === 'deleted';
    if (isGone && record.uploadIds.length === 1) {
      throw new UploadDeleted('The upload made with this Idempotency-Key has been deleted.');
    }
    if (upload === undefined) throw new UploadDeleted('An upload of this batch has been deleted.');
    observer.slot('replayed', upload);
    return upload;
  });
  const issued = await reissue(
    services,
    uploads.filter((upload) => stateAt(upload, now()) === 'issued'),
  );
  const slots = uploads.map((upload) => issued.get(upload.id) ?? { upload, request: undefined });
  return { slots, replayed: true };
}

type Once = Pick<IdempotencyRecord, 'tenant' | 'principal' | 'key' | 'requestHash'>;

function idempotencyOf(principal: Principal, { body, idempotencyKey: key }: Order): Once | undefined {
  if (key === undefined) return undefined;
  return { tenant: principal.tenant, principal: principal.id, key, requestHash: hashOf(body) };
}

function recordOf(once: Once, slots: readonly NewSlot[], now: number): IdempotencyRecord {
  return { ...once, uploadIds: slots.map(({ upload }) => upload.id), expiresAt: now + IDEMPOTENCY_MS };
}

/** SHA-256 of the request with its members in order, so that a client may send them in any. */
function hashOf(body: unknown): Uint8Array {
  const inOrder = (_name: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return createHash('sha256').update(JSON.stringify(body, inOrder)).digest();
}
