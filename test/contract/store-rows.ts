import { randomBytes } from 'node:crypto';
import type { WrappedKey } from '../../src/custody/port.ts';
import type { IdempotencyRecord, Store } from '../../src/store/port.ts';
import type { Upload } from '../../src/uploads/upload.ts';

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
    metadata: { case: '42', constructor: 'y' },
    expiresInSeconds: 900,
    createdAt: NOW,
    expiresAt: NOW + 900_000,
    urlEndsAt: NOW + 900_000,
    uploadedAt: null,
    etag: null,
    versionId: null,
    deletingAt: null,
    deletedAt: null,
    nextCheckAt: NOW + 900_000,
    ...changes,
  };
}

export function wrappedOf(bytes: Uint8Array = randomBytes(77)): WrappedKey {
  return { wrapperId: 'local', kekId: 'kek-1', bytes };
}

export function idempotencyOf(n: number, changes: Partial<IdempotencyRecord> = {}): IdempotencyRecord {
  return {
    tenant: 'acme',
    principal: 'key:ci',
    key: 'order-17',
    requestHash: new Uint8Array(32).fill(n % 256),
    uploadId: idOf(n),
    expiresAt: NOW + 86_400_000,
    ...changes,
  };
}
