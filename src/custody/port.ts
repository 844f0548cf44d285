import type { CustomerKey } from './customer-key.ts';

/**
 * Where a wrapped key belongs. Every field is bound: a wrapped key opens only in its place (invariant 6). The wrapper adds its own id
 * and the KEK's.
 */
export interface KeyPlace {
  readonly purpose: 'object' | 'intermediate' | 'export';
  readonly tenant: string;
  readonly bucket: string;
  /** The path in the bucket. */
  readonly objectKey: string;
  readonly slot: string;
  readonly generation: number;
}

/** A wrapped key as stored. `bytes` are opaque to all but the wrapper named beside them. */
export interface WrappedKey {
  readonly wrapperId: string;
  /** The key-encryption key's name or ARN, never its version. */
  readonly kekId: string;
  readonly bytes: Uint8Array;
}

/**
 * Wraps customer keys (32 raw bytes) under a key-encryption key. Failures, for all three calls:
 * - `KeyNotMine`: another wrapper, or a KEK this one does not hold. Ask another wrapper; if none, an operator must bring the KEK back.
 * - `KeyRefused`: wrong place, tampered bytes, or no right to the KEK. Final.
 * - `DependencyUnavailable`: try later.
 */
export interface KeyWrapper {
  readonly id: string;
  wrap(key: CustomerKey, place: KeyPlace): Promise<WrappedKey>;
  unwrap(wrapped: WrappedKey, place: KeyPlace): Promise<CustomerKey>;
  /** The same customer key under the current KEK, in the same place. */
  rewrap(wrapped: WrappedKey, place: KeyPlace): Promise<WrappedKey>;
  /**
   * Whether `wrapped` is under what `wrap` would take now: this wrapper, its current KEK and, where the KEK's keeper shows them (transit
   * does, AWS KMS does not), the KEK's newest version. May ask the keeper. @throws DependencyUnavailable.
   */
  isCurrent(wrapped: WrappedKey): Promise<boolean>;
  /**
   * The KEKs held, the current one first, with what their keeper says of them. Asks the keeper; never needs the right to unwrap.
   * A keeper that does not answer, or does not tell, makes it `unknown`; this never rejects.
   */
  keks(): Promise<readonly KekCondition[]>;
  /** Ends timers and connections, and zeroes what is cached. */
  close(): void;
}

/** What the keeper of a KEK says of it. */
export interface KekCondition {
  readonly wrapperId: string;
  readonly kekId: string;
  readonly state: 'usable' | 'disabled' | 'pending_deletion' | 'unknown';
  /** When it will be deleted, milliseconds since the epoch; only when that is known. */
  readonly deletionAt?: number;
  /** Why it is `unknown`, in words for an operator. */
  readonly detail?: string;
}
