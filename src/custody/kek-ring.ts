import type { KeyObject } from 'node:crypto';

/** The KEKs held: one wraps, all unwrap. `KeyObject`s print and serialise without their bytes. */
export interface KekRing {
  /** The id of the KEK that wraps; always in `keks`. */
  readonly current: string;
  /** By id, 32 bytes each. */
  readonly keks: ReadonlyMap<string, KeyObject>;
}
