import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Grant } from '../../src/access/grant.ts';
import type { IntermediateKey } from '../../src/custody/intermediate.ts';
import type { WrappedKey } from '../../src/custody/port.ts';
import type {
  IdempotencyRecord,
  KeyCursor,
  OutboxMessage,
  QueuedMessage,
  Store,
} from '../../src/store/port.ts';
import { UNANNOUNCED, UNTOUCHED, type Upload } from '../../src/uploads/upload.ts';

/** A store to test, and the means to see what a restart sees. */
export interface OpenedStore {
  readonly store: Store;
  /** Closes the store and opens the same data again. */
  reopen(): Promise<Store>;
  close(): Promise<void>;
}

export const NOW = 1_800_000_000_000;

/** Ids as UUIDv7 gives them: a later one is greater. */
export function idOf(n: number): string {
  return `01a2b3c4-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

export function uploadOf(n: number, changes: Partial<Upload> = {}): Upload {
  return {
    id: idOf(n),
    tenant: 'acme',
    principal: 'key:ci',
    state: 'issued',
    target: 'main',
    bucket: 'uploads',
    objectKey: `in/${idOf(n)}`,
    filename: 'naïve "name".pdf',
    contentType: 'application/pdf',
    size: Number.MAX_SAFE_INTEGER,
    sha256: null,
    ...UNANNOUNCED,
    metadata: { case: '42', constructor: 'y' },
    expiresInSeconds: 900,
    createdAt: NOW,
    expiresAt: NOW + 900_000,
    urlEndsAt: NOW + 900_000,
    ...UNTOUCHED,
    nextCheckAt: NOW + 900_000,
    ...changes,
  };
}

/** One whose object is there. */
export function uploadedOf(n: number, changes: Partial<Upload> = {}): Upload {
  return uploadOf(n, { state: 'uploaded', etag: '"old"', versionId: 'v1', ...changes });
}

export function wrappedOf(bytes: Uint8Array = randomBytes(77)): WrappedKey {
  return { wrapperId: 'local', kekId: 'kek-1', bytes };
}

export function wrappedBy(kekId: string, wrapperId = 'local'): WrappedKey {
  return { ...wrappedOf(), wrapperId, kekId };
}

export function intermediateOf(n: number, changes: Partial<IntermediateKey> = {}): IntermediateKey {
  return {
    id: idOf(n),
    tenant: 'acme',
    period: '2027-01-15',
    version: n,
    wrapped: wrappedOf(),
    createdAt: NOW + n,
    ...changes,
  };
}

/** The place of a slot's key. */
export function cursorOf(n: number, generation = 1): KeyCursor {
  return { uploadId: idOf(n), generation };
}

/** Bytes in hex: drivers give different kinds of them. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

/** Puts messages into the outbox by one commit with a change to slot 1. */
export async function tell(store: Store, ...messages: OutboxMessage[]): Promise<void> {
  if ((await store.uploads.get('acme', idOf(1))) === undefined) await insertOne(store, uploadOf(1));
  assert.ok(await store.uploads.update(idOf(1), ['issued'], {}, {}, messages));
}

/** The `n` that each message was made of. */
export function numbersOf(messages: readonly { id: string }[]): number[] {
  return messages.map(({ id }) => parseInt(id.slice(-12), 16));
}

export function idempotencyOf(n: number, changes: Partial<IdempotencyRecord> = {}): IdempotencyRecord {
  return {
    tenant: 'acme',
    principal: 'key:ci',
    key: 'order-17',
    requestHash: new Uint8Array(32).fill(n % 256),
    uploadIds: [idOf(n)],
    expiresAt: NOW + 86_400_000,
    ...changes,
  };
}

/** Of 10 slots, with every limit. */
export function grantOf(n: number, changes: Partial<Grant> = {}): Grant {
  return {
    id: idOf(n),
    tenant: 'acme',
    createdBy: 'key:backend',
    count: 10,
    used: 0,
    maxSizeBytes: Number.MAX_SAFE_INTEGER,
    contentTypes: ['image/*', 'application/pdf'],
    methods: ['PUT', 'multipart'],
    prefix: 'cases/Größe',
    metadata: { case: '42', constructor: 'y' },
    createdAt: NOW,
    expiresAt: NOW + 900_000,
    endsAt: NOW + 4_500_000,
    revokedAt: null,
    ...changes,
  };
}

/** A slot by itself, as most are made. */
export function insertOne(
  store: Pick<Store, 'uploads'>,
  upload: Upload,
  key: WrappedKey = wrappedOf(),
  idempotency?: IdempotencyRecord,
  now: number = NOW,
  hasCopy = false,
): Promise<IdempotencyRecord | undefined> {
  return store.uploads.insert([{ upload, key, hasCopy }], idempotency, now);
}

const QUARTER_MS = 90 * 86_400_000;

/** The times of a `bury`. */
export function buriedAt(deletedAt: number) {
  return { deletedAt, nextCheckAt: deletedAt + QUARTER_MS };
}

/** The times of a `forget`. */
export function forgottenAt(at: number) {
  return { forgottenAt: at, nextCheckAt: at + QUARTER_MS };
}

/** Of slot 1 and the webhook `crm`, made at `NOW + n`. */
export function messageOf(n: number, changes: Partial<OutboxMessage> = {}): OutboxMessage {
  return {
    id: `msg_${idOf(n)}`,
    tenant: 'acme',
    webhook: 'crm',
    uploadId: idOf(1),
    type: 'upload.uploaded',
    payload: JSON.stringify({ n, filename: 'naïve "name".pdf' }),
    createdAt: NOW + n,
    ...changes,
  };
}

/** As it waits from its commit on. */
export function queuedOf(message: OutboxMessage, changes: Partial<QueuedMessage> = {}): QueuedMessage {
  return {
    ...message,
    state: 'pending',
    attempts: 0,
    nextAttemptAt: message.createdAt,
    lastFailure: null,
    endedAt: null,
    ...changes,
  };
}
