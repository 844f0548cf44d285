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

/** A wrapped customer key as stored. `bytes` are opaque to all but the wrapper named beside them. */
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
}
