import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { authoriseUpload } from '../access/policy.ts';
import { buildObjectKey } from '../access/object-key.ts';
import type { Principal } from '../access/principal.ts';
import { CustomerKey } from '../custody/customer-key.ts';
import { IdempotencyMismatch, UploadDeleted } from '../errors.ts';
import type { IdempotencyRecord } from '../store/port.ts';
import { wrapFor } from './customer-key-of.ts';
import { putRequest, type PutRequest } from './put-request.ts';
import { copyTags } from './recovery.ts';
import { reissue } from './reissue.ts';
import { targetOf, tenantOf, type Services } from './services.ts';
import { stateAt, type Upload } from './upload.ts';

const IDEMPOTENCY_MS = 24 * 3600 * 1000;

export interface UploadAsk {
  readonly filename?: string;
  readonly contentType: string;
  readonly size: number;
  readonly sha256?: string;
  readonly method?: 'PUT';
  readonly expiresInSeconds?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface Issued {
  readonly upload: Upload;
  /** Absent in a replay for a slot that is no longer `issued`. */
  readonly request: PutRequest | undefined;
  readonly replayed: boolean;
}

/**
 * The main story: policy → key → wrap → commit → sign → answer. The wrapped key and the URL's end are durable before there is a URL
 * (invariants 1 and 3); whatever fails before the commit leaves nothing behind.
 */
export async function issueUpload(
  services: Services,
  principal: Principal,
  ask: UploadAsk,
  idempotencyKey: string | undefined,
): Promise<Issued> {
  const { store, observer } = services;
  const now = services.now();
  const policy = tenantOf(services, principal.tenant);
  const requestHash = hashOf(ask);
  if (idempotencyKey !== undefined) {
    const earlier = await store.uploads.findIdempotent(principal.tenant, principal.id, idempotencyKey, now);
    if (earlier !== undefined) return replay(services, earlier, requestHash);
  }

  const { expiresInSeconds } = authoriseUpload(policy, ask);
  const window = await targetOf(services, policy.target).presigner.open(expiresInSeconds, now);
  const id = uuidv7();
  const upload: Upload = {
    id,
    tenant: principal.tenant,
    principal: principal.id,
    state: 'issued',
    target: policy.target,
    bucket: policy.bucket,
    objectKey: buildObjectKey(policy.objectKeyTemplate, {
      tenant: principal.tenant,
      id,
      filename: ask.filename,
      createdAt: now,
    }),
    filename: ask.filename ?? null,
    contentType: ask.contentType,
    size: ask.size,
    sha256: ask.sha256 ?? null,
    metadata: ask.metadata ?? {},
    expiresInSeconds,
    createdAt: now,
    expiresAt: now + policy.slotSeconds * 1000,
    urlEndsAt: window.endsAt,
    uploadedAt: null,
    etag: null,
    versionId: null,
    generation: 1,
    nextGeneration: null,
    deletingAt: null,
    deletedAt: null,
    nextCheckAt: now + policy.slotSeconds * 1000,
  };
  const key = CustomerKey.generate();
  const wrapped = await wrapFor(services, key, upload, 1);
  const hasCopy = services.config.custody.recovery !== undefined;
  const tags = hasCopy ? copyTags(upload, 1, wrapped) : {};
  const record =
    idempotencyKey === undefined ? undefined : recordOf(principal, idempotencyKey, requestHash, upload);
  const winner = await observer.timed('commit', () =>
    store.uploads.insert(upload, wrapped, record, now, hasCopy),
  );
  if (winner !== undefined) return replay(services, winner, requestHash);
  observer.slot('issued', upload);
  const request = await observer.timed('sign', () => putRequest(window, upload, key, tags));
  return { upload, request, replayed: false };
}

/** The same slot and, while `issued`, the same customer key under a fresh signature. */
async function replay(
  services: Services,
  record: IdempotencyRecord,
  requestHash: Uint8Array,
): Promise<Issued> {
  if (Buffer.compare(record.requestHash, requestHash) !== 0) {
    throw new IdempotencyMismatch('This Idempotency-Key was used with another body; use a new one.');
  }
  const upload = await services.store.uploads.get(record.tenant, record.uploadId);
  if (upload === undefined || upload.state === 'deleting' || upload.state === 'deleted') {
    throw new UploadDeleted('The upload made with this Idempotency-Key has been deleted.');
  }
  services.observer.slot('replayed', upload);
  if (stateAt(upload, services.now()) !== 'issued') return { upload, request: undefined, replayed: true };
  return { ...(await reissue(services, upload)), replayed: true };
}

function recordOf(
  principal: Principal,
  key: string,
  requestHash: Uint8Array,
  upload: Upload,
): IdempotencyRecord {
  return {
    tenant: principal.tenant,
    principal: principal.id,
    key,
    requestHash,
    uploadId: upload.id,
    expiresAt: upload.createdAt + IDEMPOTENCY_MS,
  };
}

/** SHA-256 of the request with its members in order, so that a client may send them in any. */
function hashOf(ask: UploadAsk): Uint8Array {
  const inOrder = (_name: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return createHash('sha256').update(JSON.stringify(ask, inOrder)).digest();
}
