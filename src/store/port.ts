import type { WrappedKey } from '../custody/port.ts';
import type { Scope } from '../access/principal.ts';
import type { Upload, UploadState } from '../uploads/upload.ts';

/**
 * Durable state. Each method is one transaction, committed and fsynced before its promise resolves (invariant 1). Every method may
 * throw `DependencyUnavailable('store')`; nothing was written then.
 */
export interface Store {
  readonly uploads: UploadStore;
  readonly keys: KeyStore;
  readonly apiKeys: ApiKeyStore;
  /** One read and one write-lock probe; throws `DependencyUnavailable` when the store is not usable. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** The 24 h memory of an `Idempotency-Key`: a hash of the request and the slot's id, nothing else. */
export interface IdempotencyRecord {
  readonly tenant: string;
  readonly principal: string;
  readonly key: string;
  /** SHA-256 of the canonical request, raw bytes. */
  readonly requestHash: Uint8Array;
  readonly uploadId: string;
  /** Milliseconds since the epoch; from then on the record does not exist. */
  readonly expiresAt: number;
}

export type UploadPatch = Partial<
  Pick<Upload, 'state' | 'urlEndsAt' | 'uploadedAt' | 'etag' | 'versionId' | 'deletingAt' | 'nextCheckAt'>
>;

export interface UploadStore {
  /**
   * One commit: the slot, generation 1 of its key and, when given, its idempotency record. Of several inserts with one idempotency
   * identity (tenant, principal, key; unexpired at `now`) exactly one commits.
   * @returns `undefined` when committed; else the record that was there first, and nothing was written.
   */
  insert(
    upload: Upload,
    key: WrappedKey,
    idempotency: IdempotencyRecord | undefined,
    now: number,
  ): Promise<IdempotencyRecord | undefined>;
  /**
   * One commit: the slot of an object that was there before it, and generation 1 of its key.
   * @param kin ids of slots that may have made the object.
   * @returns false, and nothing was written, when a slot of any tenant has the slot's id, or has an id of `kin` and the same bucket
   *   and object key. The target does not count: one S3 may have several names.
   */
  adopt(upload: Upload, key: WrappedKey, kin: readonly string[]): Promise<boolean>;
  /** The unexpired idempotency record, if any. */
  findIdempotent(
    tenant: string,
    principal: string,
    key: string,
    now: number,
  ): Promise<IdempotencyRecord | undefined>;
  /** A tenant's slot; another tenant's is `undefined`, as if it did not exist (invariant 7). */
  get(tenant: string, id: string): Promise<Upload | undefined>;
  /**
   * Newest first by id (ids are UUIDv7). `before`: only ids smaller than it. Without `state`, all but `deleted`. `state` is matched as
   * of `now`: an `issued` row whose `expiresAt` has come counts as `expired`.
   */
  list(
    tenant: string,
    query: { state?: UploadState; before?: string; limit: number; now: number },
  ): Promise<Upload[]>;
  /**
   * Compare and set: applies `patch` when the slot's stored state is one of `from` (and, when `urlEndsAt` is patched, never lowers it).
   * A slot whose key is destroyed never becomes `uploaded`.
   * @returns the slot after the change, or `undefined` when the state was another: a lost race, nothing written.
   */
  update(id: string, from: readonly UploadState[], patch: UploadPatch): Promise<Upload | undefined>;
  /**
   * One commit: `deleting → deleted`, every generation of its key destroyed (bytes overwritten), filename and metadata cleared.
   * @returns false when the slot was not `deleting`, or its `urlEndsAt` is no longer `expected.urlEndsAt`.
   */
  bury(id: string, expected: { urlEndsAt: number }, deletedAt: number): Promise<boolean>;
  /**
   * One commit: destroys an `expired` slot's key after proven absence; the slot stays `expired`, with `nextCheckAt` null.
   * @returns false when the slot was not `expired`, or its `urlEndsAt` is no longer `expected.urlEndsAt`.
   */
  forget(id: string, expected: { urlEndsAt: number }, at: number): Promise<boolean>;
  /** Slots whose `nextCheckAt` has come, oldest first. */
  due(now: number, limit: number): Promise<Upload[]>;
  /** Drops idempotency records that ended before `now`; returns how many. */
  dropEndedIdempotency(now: number): Promise<number>;
}

export interface KeyStore {
  /** The newest generation of a slot's key, `undefined` once destroyed. */
  current(uploadId: string): Promise<{ generation: number; wrapped: WrappedKey } | undefined>;
}

/** An API key as stored: never the secret, only SHA-256 of it (the secret has 256 random bits, so no slow hash is needed). */
export interface ApiKeyRecord {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Raw 32 bytes. */
  readonly secretHash: Uint8Array;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  readonly lastUsedAt: number | null;
}

export interface ApiKeyStore {
  insert(record: ApiKeyRecord): Promise<void>;
  find(id: string): Promise<ApiKeyRecord | undefined>;
  /** Oldest first; revoked and expired ones too. */
  list(): Promise<ApiKeyRecord[]>;
  /** @returns false when there is no such key. Revoking twice keeps the first time. */
  revoke(id: string, at: number): Promise<boolean>;
  touch(id: string, at: number): Promise<void>;
}
