import type { IntermediateKey } from '../custody/intermediate.ts';
import type { WrappedKey } from '../custody/port.ts';
import type { Scope } from '../access/principal.ts';
import type { Upload, UploadState } from '../uploads/upload.ts';
import type { Grant } from '../access/grant.ts';
import type { GrantStore } from './port/grants.ts';
import type { KeyCopy, KeyStore } from './port/keys.ts';
import type { LeaseStore, Replica } from './port/replicas.ts';
import type { OutboxMessage, OutboxStore } from './port/outbox.ts';
import type { Quota } from './port/quotas.ts';
import type { RateLimitStore } from './port/rate-limits.ts';

export * from './port/grants.ts';
export * from './port/keys.ts';
export * from './port/outbox.ts';
export * from './port/quotas.ts';
export * from './port/replicas.ts';
export * from './port/rate-limits.ts';

/**
 * Durable state. Each method is one transaction, committed and fsynced before its promise resolves (invariant 1). Every method may
 * throw `DependencyUnavailable('store')`; nothing was written then. A key of an object that is wrapped under an intermediate key is written
 * only while that one is there and not destroyed: else `IntermediateGone`, decided in the same transaction.
 */
export interface Store {
  readonly uploads: UploadStore;
  readonly keys: KeyStore;
  readonly intermediates: IntermediateStore;
  readonly custody: CustodyStore;
  readonly outbox: OutboxStore;
  readonly grants: GrantStore;
  readonly apiKeys: ApiKeyStore;
  readonly leases: LeaseStore;
  readonly rateLimits: RateLimitStore;
  /** Of a store behind a pool of connections: how it is used just now. */
  connections?(): ConnectionUse;
  /** One read and one write-lock probe; throws `DependencyUnavailable` when the store is not usable. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface ConnectionUse {
  /** How many there may be at once. */
  readonly most: number;
  readonly inUse: number;
  readonly idle: number;
  /** Calls that wait for one. */
  readonly waiting: number;
}

/** The 24 h memory of an `Idempotency-Key`: a hash of the request and the slots' ids, nothing else. */
export interface IdempotencyRecord {
  readonly tenant: string;
  readonly principal: string;
  readonly key: string;
  /** SHA-256 of the canonical request, raw bytes. */
  readonly requestHash: Uint8Array;
  /** In the order of the request; never empty. */
  readonly uploadIds: readonly string[];
  /** Milliseconds since the epoch; from then on the record does not exist. */
  readonly expiresAt: number;
}

export type UploadPatch = Partial<
  Pick<
    Upload,
    | 'state'
    | 'urlEndsAt'
    | 'uploadedAt'
    | 'etag'
    | 'versionId'
    | 'multipartUploadId'
    | 'mismatches'
    | 'deletingAt'
    | 'nextCheckAt'
  >
>;

/** A slot that is made now. */
export interface NewSlot {
  readonly upload: Upload;
  /** Generation 1 of its key. */
  readonly key: WrappedKey;
  /** Whether the upload carries a copy of the wrapped key in its tags. */
  readonly hasCopy: boolean;
}

/** The grant that slots are charged to, and for whose maker they count. */
export type Charge = Pick<Grant, 'tenant' | 'id' | 'createdBy'>;

export interface UploadStore {
  /**
   * One commit: the slots, generation 1 of their keys and, when given, their idempotency record and what their grant is charged: as many
   * as there are slots. Of several inserts with one idempotency identity (tenant, principal, key; unexpired at `now`) exactly one commits,
   * and is charged. A slot counts for its own principal or, by a grant, for `grant.createdBy`.
   * @param quotas what the slots must fit in, all of them in all: `openSlots` counts what is `issued` and ends after `now`; `bytesPerDay`
   *   what inserts with this quota announced in the UTC day of `now`, and is charged by this commit. However many inserts there are at once,
   *   by whichever process: no bound is passed, and none is refused that fits.
   * @returns `undefined` when committed; else the record that was there first, and nothing was written.
   * @throws Unauthenticated when the grant is revoked or gone, GrantExpired when it is `now`, GrantExhausted when it has fewer left;
   *   then QuotaExceeded of the first of `quotas` that is passed, of its two bounds `openSlots` first. Nothing was written.
   */
  insert(
    slots: readonly NewSlot[],
    idempotency: IdempotencyRecord | undefined,
    now: number,
    grant?: Charge,
    quotas?: readonly Quota[],
  ): Promise<IdempotencyRecord | undefined>;
  /**
   * One commit: `urlEndsAt` becomes at least this for those of the slots that are `issued`.
   * @returns these, in the order given, after the change.
   */
  extend(ids: readonly string[], urlEndsAt: number): Promise<Upload[]>;
  /**
   * One commit: `nextCheckAt` becomes at most `at` for those of the slots that are `issued` or `expired` and not forgotten.
   * @returns these, in the order given, after the change.
   */
  makeDue(ids: readonly string[], at: number): Promise<Upload[]>;
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
   * @param expected when given, these must be as given as well.
   * @param messages put into the outbox by the same commit.
   * @returns the slot after the change, or `undefined` when the state was another: a lost race, nothing written.
   */
  update(
    id: string,
    from: readonly UploadState[],
    patch: UploadPatch,
    expected?: Partial<Pick<Upload, 'nextCheckAt' | 'multipartUploadId'>>,
    messages?: readonly OutboxMessage[],
  ): Promise<Upload | undefined>;
  /**
   * One commit: `deleting → deleted`, every generation of its key destroyed (bytes overwritten), filename, metadata and mismatches cleared.
   * @param nextCheckAt when the tombstone may be purged.
   * @returns false when the slot was not `deleting`, or its `urlEndsAt` is no longer `expected.urlEndsAt`.
   */
  bury(
    id: string,
    expected: { urlEndsAt: number },
    times: { deletedAt: number; nextCheckAt: number },
    messages?: readonly OutboxMessage[],
  ): Promise<boolean>;
  /**
   * One commit: destroys the key of an `expired` or `rejected` slot after proven absence; the slot stays what it is.
   * @param nextCheckAt when the slot may be purged.
   * @returns false when the slot was neither, or forgotten already, or its `urlEndsAt` is no longer `expected.urlEndsAt`.
   */
  forget(
    id: string,
    expected: { urlEndsAt: number },
    times: { forgottenAt: number; nextCheckAt: number },
  ): Promise<boolean>;
  /**
   * One commit: a `deleted` or forgotten slot leaves the store with all that hangs on it, idempotency records and ended messages too, but
   * not messages that are pending; as if it had never been.
   * @returns false, and nothing was removed, when it is neither, or one of its keys lives.
   */
  purge(id: string): Promise<boolean>;
  /**
   * One commit: takes slots whose `nextCheckAt` has come, oldest first, and sets it to `leaseUntil`: until then they are this caller's to
   * work on. Two callers never take the same one; neither waits for the other, and either may then get fewer than there are. A lease that
   * has ended is due as any other slot is, and `makeDue` ends one early. Writes nothing while nothing is due.
   * @param leaseUntil milliseconds since the epoch, after `now`.
   * @returns these as they are after the change, in the order of the times that had come.
   */
  claimDue(now: number, leaseUntil: number, limit: number): Promise<Upload[]>;
  /**
   * Drops idempotency records that have ended at `now`, `limit` at most, and none that another caller is dropping.
   * @returns how many.
   */
  dropEndedIdempotency(now: number, limit: number): Promise<number>;
  /**
   * Drops what was announced on days before that of `now`, but the last of them, as clocks differ; `limit` sums at most, and none that
   * another caller is dropping.
   * @returns how many.
   */
  dropEndedDays(now: number, limit: number): Promise<number>;
}

export interface StoredIntermediate extends IntermediateKey {
  /** The copy in the recovery bucket; null when there is none. */
  readonly copy: KeyCopy | null;
}

export interface IntermediateStore {
  /**
   * The newest version of a tenant's period that may wrap: not destroyed, made by this store, and never moved to another KEK. One that was
   * moved may have been moved because its KEK had leaked, and with it what the KEK had wrapped.
   */
  newest(tenant: string, period: string): Promise<StoredIntermediate | undefined>;
  /** @returns undefined also once destroyed. */
  get(id: string): Promise<StoredIntermediate | undefined>;
  /** The highest version that there ever was, destroyed or not; 0 when there was none. */
  lastVersion(tenant: string, period: string): Promise<number>;
  /**
   * @param wrapsNew false for one that was found outside the store: it opens what it wrapped, and wraps nothing more.
   * @returns false, and nothing was written, when the id, or the version of this tenant and period, is there already.
   */
  insert(key: IntermediateKey, hasCopy: boolean, wrapsNew?: boolean): Promise<boolean>;
  /** Those not destroyed, oldest first. */
  list(query?: { tenant?: string; period?: string }): Promise<StoredIntermediate[]>;
  /** One commit, where it is still wrapped as in `from`; marks its copy as stale. The old bytes are overwritten; it wraps nothing more. */
  replace(id: string, from: WrappedKey, to: WrappedKey): Promise<boolean>;
  /** As `KeyStore.copied`. */
  copied(id: string, of: WrappedKey | null): Promise<boolean>;
  /** How many living keys of objects it wraps. */
  uses(id: string): Promise<number>;
  /**
   * One commit: its bytes are overwritten and the WAL is emptied.
   * @returns false, and nothing was destroyed, while a living key of an object is wrapped by it.
   */
  destroy(id: string, at: number): Promise<boolean>;
}

/** What processes that work on one store must know of each other's custody. */
export interface CustodyStore {
  /**
   * One commit: a process that serves says what it has, in place of what it said before. Those are dropped that have said nothing since
   * `forgetBefore`.
   */
  announce(replica: Replica, forgetBefore: number): Promise<void>;
  /** It serves no longer. */
  withdraw(replicaId: string): Promise<void>;
  /** Those that have said so at `since` or later, by id. */
  replicas(since: number): Promise<Replica[]>;
  /**
   * One commit: from then on no key is stored that this KEK has wrapped (`KekRetired`), whoever still holds it.
   * @returns false, and nothing was changed, while a living key or a copy is under it.
   */
  retire(kek: { readonly wrapperId: string; readonly kekId: string }, at: number): Promise<boolean>;
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
